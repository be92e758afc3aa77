/* The HTTP API as the page uses it: every request that the page makes to JSON endpoints is here.
 * The session is the server's HttpOnly cookie; the page never sees a token that it would have to
 * keep. */
import { language, t } from './i18n';

export type Target = 'mp3' | 'mp4' | 'hls';
export type JobStatus = 'enqueued' | 'processing' | 'done' | 'failed' | 'cancelled';

export interface User {
  id: string;
  username: string;
}

export interface Job {
  job_id: string;
  media_id: string;
  target: Target;
  status: JobStatus;
  enqueued_at: string;
  updated_at: string;
  output_size_bytes?: number | null;
  /** 0..1 */
  progress?: number | null;
  /** times real time */
  speed?: number | null;
  eta_seconds?: number | null;
  queue_position?: number | null;
  playable?: boolean;
  error?: { code: string; detail: string; retryable?: boolean } | null;
}

export interface MediaStream {
  kind?: 'video' | 'audio' | 'subtitle' | 'picture';
  codec?: string;
  width?: number | null;
  height?: number | null;
  channels?: number | null;
}

export interface Share {
  user_id: string;
  username?: string;
  job_id: string;
}

export interface Media {
  id: string;
  user_id: string;
  original_filename: string;
  original_size_bytes: number;
  created_at: string;
  status: string;
  jobs: Record<string, Job>;
  shares?: Share[];
  duration_seconds?: number | null;
  streams?: MediaStream[] | null;
  tags?: Record<string, string> | null;
  poster_url?: string | null;
  waveform_url?: string | null;
}

export interface SharedItem {
  media_id: string;
  owner_id: string;
  owner_username?: string | null;
  original_filename: string;
  jobs: Record<string, Job>;
  duration_seconds?: number | null;
  streams?: MediaStream[] | null;
  tags?: Record<string, string> | null;
  poster_url?: string | null;
}

export interface Page<Item> {
  items: Item[];
  next_cursor?: string | null;
}

export interface MonitorNode {
  id: string;
  role: string;
  status: string;
}

export interface MonitorSummary {
  generated_at: string;
  api: { status: string; cpu_percent: number; memory_percent: number };
  queue: { name: string; length: number };
  sessions: { active_sessions_estimate: number; total_users: number };
  nodes: MonitorNode[];
}

export interface FieldError {
  field: string;
  code: string;
  detail: string;
}

/** A request that did not succeed. `message` can be shown as it is; `status` is 0 when no answer
 * came. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly errors: FieldError[] = [],
  ) {
    super(message);
  }
}

let onSessionLost: (() => void) | null = null;

/** Called once when a request finds that nobody is signed in (any more). */
export function setSessionLostHandler(handler: () => void): void {
  onSessionLost = handler;
}

function errorFromAnswer(status: number, text: string): ApiError {
  let problem: { detail?: unknown; title?: unknown; code?: unknown; errors?: unknown } = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) {
      problem = parsed;
    }
  } catch {
    /* Something between us and the server answered; the status is all that is known. */
  }
  const detail = typeof problem.detail === 'string' ? problem.detail : problem.title;
  const message = typeof detail === 'string' && detail ? detail : t('error.status', { status });
  const errors = Array.isArray(problem.errors) ? (problem.errors as FieldError[]) : [];
  const code = typeof problem.code === 'string' ? problem.code : '';
  if (status === 401) {
    onSessionLost?.();
  }
  return new ApiError(status, code, message, errors);
}

interface RequestOptions {
  form?: Record<string, string>;
  json?: unknown;
  signal?: AbortSignal;
}

async function request<Answer>(
  method: string,
  path: string,
  { form, json, signal }: RequestOptions = {},
): Promise<Answer> {
  const headers: Record<string, string> = {
    Accept: 'application/json',
    'Accept-Language': language,
  };
  let body: BodyInit | undefined;
  if (form) {
    body = new URLSearchParams(form);
  } else if (json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(json);
  }
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, { method, headers, body, signal, credentials: 'same-origin' });
    text = await answer.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') {
      throw error;
    }
    throw new ApiError(0, 'network', t('error.network'));
  }
  if (!answer.ok) {
    throw errorFromAnswer(answer.status, text);
  }
  return (text ? JSON.parse(text) : undefined) as Answer;
}

function query(parameters: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return text ? `?${text}` : '';
}

const id = encodeURIComponent;

export const api = {
  register: (username: string, password: string) =>
    request<User>('POST', '/auth/register', { form: { username, password } }),
  signIn: (username: string, password: string) =>
    request<unknown>('POST', '/auth/token', { form: { username, password } }),
  signOut: () => request<unknown>('POST', '/auth/logout'),
  me: () => request<User>('GET', '/me'),
  users: (q: string, signal?: AbortSignal) =>
    request<User[]>('GET', `/users${query({ q, limit: 8 })}`, { signal }),

  listMedia: (cursor?: string | null) => request<Page<Media>>('GET', `/media${query({ cursor })}`),
  media: (media_id: string) => request<Media>('GET', `/media/${id(media_id)}`),
  renameMedia: (media_id: string, original_filename: string) =>
    request<Media>('PATCH', `/media/${id(media_id)}`, { json: { original_filename } }),
  deleteMedia: (media_id: string) => request<void>('DELETE', `/media/${id(media_id)}`),
  sharedWithMe: () => request<Page<SharedItem>>('GET', '/media/shared-with-me'),

  convert: (media_id: string, target: Target) =>
    request<{ media_id: string; job_id: string; status: JobStatus; target: Target }>(
      'POST',
      `/media/${id(media_id)}/convert`,
      { json: { target } },
    ),
  listJobs: () => request<Page<Job>>('GET', `/jobs${query({ limit: 100 })}`),
  cancelJob: (job_id: string) => request<unknown>('POST', `/jobs/${id(job_id)}/cancel`),
  retryJob: (job_id: string) => request<unknown>('POST', `/jobs/${id(job_id)}/retry`),
  deleteJob: (job_id: string) => request<void>('DELETE', `/jobs/${id(job_id)}`),

  createLink: (media_id: string, job_id: string) =>
    request<{ url: string }>('GET', `/media/${id(media_id)}/share${query({ job_id })}`),
  revokeLinks: (media_id: string) => request<unknown>('DELETE', `/media/${id(media_id)}/share`),
  shareWithUser: (media_id: string, job_id: string, username: string) =>
    request<{ detail: string; shared_with_user_id: string }>(
      'POST',
      `/media/${id(media_id)}/share-with-user`,
      { json: { username_to_share: username, job_id } },
    ),
  unshareWithUser: (media_id: string, job_id: string, username: string) =>
    request<unknown>('DELETE', `/media/${id(media_id)}/share-with-user`, {
      json: { username, job_id },
    }),

  monitorSummary: () => request<MonitorSummary>('GET', '/monitor/summary'),
};

/* Addresses for elements that load by themselves (players, links). */
export const streamAddress = (media_id: string, job_id: string): string =>
  `/media/${id(media_id)}/stream${query({ job_id })}`;
export const originalAddress = (media_id: string): string => `/media/${id(media_id)}/original`;
export const EVENTS_ADDRESS = '/events';

export interface UploadHandle {
  /** Rejects with an ApiError; `code` is "cancelled" after `cancel()`. */
  done: Promise<Media>;
  cancel: () => void;
}

/** Sends one file. `onProgress` gets the bytes of the file that have been sent so far. */
export function uploadMedia(file: File, onProgress: (sent: number) => void): UploadHandle {
  const xhr = new XMLHttpRequest();
  const done = new Promise<Media>((resolve, reject) => {
    xhr.upload.addEventListener('progress', (event) => {
      /* The body is the file and some hundred bytes of multipart framing. */
      onProgress(Math.min(file.size, event.loaded));
    });
    xhr.addEventListener('load', () => {
      if (xhr.status >= 200 && xhr.status < 300) {
        resolve(JSON.parse(xhr.responseText) as Media);
      } else {
        reject(errorFromAnswer(xhr.status, xhr.responseText));
      }
    });
    xhr.addEventListener('error', () => reject(new ApiError(0, 'network', t('error.network'))));
    xhr.addEventListener('abort', () =>
      reject(new ApiError(0, 'cancelled', t('upload.cancelled'))),
    );
  });
  xhr.open('POST', '/media/upload');
  xhr.setRequestHeader('Accept', 'application/json');
  xhr.setRequestHeader('Accept-Language', language);
  const form = new FormData();
  form.append('file', file, file.name);
  xhr.send(form);
  return { done, cancel: () => xhr.abort() };
}
