/* A client of the HTTP interface, as thin as can be: a test sees each answer as it is. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { until } from './program.mjs';

export const password = 'una clave bastante larga';

let users_made = 0;

export class Client {
  constructor(url) {
    this.url = url;
    this.token = null;
    this.username = null;
  }

  /* The raw answer. `json` or `form` (an object) become the body. */
  async request(method, target, { json, form, body, headers = {} } = {}) {
    const all = { ...headers };
    let content = body;
    if (this.token !== null && !('authorization' in all)) {
      all.authorization = `Bearer ${this.token}`;
    }
    if (json !== undefined) {
      all['content-type'] = 'application/json';
      content = JSON.stringify(json);
    } else if (form !== undefined) {
      content = new URLSearchParams(form);
    }
    return fetch(new URL(target, this.url), { method, headers: all, body: content, redirect: 'manual' });
  }

  /* The JSON of an answer that must have `status`. */
  async call(method, target, options = {}) {
    const { status = 200, ...rest } = options;
    const response = await this.request(method, target, rest);
    const text = await response.text();
    assert.equal(response.status, status, `${method} ${target}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  /* Makes an account with a name of its own, and signs in. */
  async signUp(name = `user_${process.pid}_${++users_made}`) {
    await this.call('POST', '/auth/register', { form: { username: name, password } });
    await this.signIn(name);
    return this;
  }

  async signIn(name, secret = password) {
    const answer = await this.call('POST', '/auth/token', { form: { username: name, password: secret } });
    assert.equal(answer.token_type, 'bearer');
    this.token = answer.access_token;
    this.username = name;
  }

  async upload(file, name = path.basename(file), options = {}) {
    const form = new FormData();
    form.append('file', new Blob([await readFile(file)]), name);
    return this.call('POST', '/media/upload', { body: form, ...options });
  }

  async convert(media_id, target, options) {
    const json = options === undefined ? { target } : { target, options };
    return this.call('POST', `/media/${media_id}/convert`, { json });
  }

  async job(job_id) {
    return this.call('GET', `/jobs/${job_id}/status`);
  }

  /* The job once `is_there` says so; fails at once where it can no more come true. */
  async waitForJob(job_id, what, is_there, { timeout_ms = 120_000 } = {}) {
    let last = null;
    return until(`job ${job_id} is ${what}`, async () => {
      last = await this.job(job_id);
      if (is_there(last)) {
        return last;
      }
      assert.ok(!['done', 'failed', 'cancelled'].includes(last.status),
        `job ${job_id} should become ${what}, but is ${JSON.stringify(last)}`);
      return null;
    }, { timeout_ms });
  }

  async waitUntilDone(job_id, options) {
    return this.waitForJob(job_id, 'done', (job) => job.status === 'done', options);
  }

  /* The job's output, or a part of its tree. */
  async download(media_id, job_id) {
    const response = await this.request('GET', `/media/${media_id}/stream?job_id=${job_id}`);
    assert.equal(response.status, 200, await describe(response));
    return Buffer.from(await response.arrayBuffer());
  }
}

async function describe(response) {
  return response.status === 200 ? '' : `${response.status} ${await response.text()}`;
}

/* POST /media/upload of `chunks` (an async iterable of `size_bytes` in all), streamed: nothing but
 * one chunk is in memory. Returns { status, body }. `convert` asks for conversions meanwhile, `signal`
 * breaks off. */
export async function uploadStreamed(client, name, size_bytes, chunks, { convert = [], signal } = {}) {
  const boundary = 'espotifai-test-boundary';
  const head = Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n`
    + 'Content-Type: application/octet-stream\r\n\r\n');
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const query = new URLSearchParams(convert.map((target) => ['convert', target]));
  const request = http.request(new URL(`/media/upload?${query}`, client.url), {
    method: 'POST',
    signal,
    headers: {
      authorization: `Bearer ${client.token}`,
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + size_bytes + tail.length,
    },
  });
  const answered = new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
  });
  answered.catch(() => {});

  const write = (chunk) => new Promise((resolve, reject) => {
    request.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
  let is_answered = false; // a refusal may come before the end
  const refused = answered.then(() => {
    is_answered = true;
  });
  await write(head);
  for await (const chunk of chunks) {
    await Promise.race([write(chunk), refused]);
    if (is_answered) {
      return answered;
    }
  }
  request.end(tail);
  return answered;
}
