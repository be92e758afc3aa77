/* Lists the operations of /openapi.json and sends requests to them. Everything that the description or
 * a reply brings is set as text, never as HTML. */
const METHODS = ['get', 'post', 'patch', 'delete'];
const SHOWN_BYTES_MAX = 200_000;

let api;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) {
      made.setAttribute(key, value);
    }
  }
  made.append(...children);
  return made;
}

/* Text with `code` in it. */
function prose(text) {
  return text.split('`').map((piece, index) => (index % 2 ? element('code', {}, piece) : piece));
}

function resolve(value) {
  if (!value?.$ref) {
    return value;
  }
  return value.$ref
    .slice(2)
    .split('/')
    .reduce((at, key) => at[key.replaceAll('~1', '/').replaceAll('~0', '~')], api);
}

/* A value of the schema's shape to begin with. */
function example(schema_or_ref) {
  const schema = resolve(schema_or_ref) ?? {};
  if (schema.const !== undefined || schema.default !== undefined || schema.enum) {
    return schema.const ?? schema.default ?? schema.enum[0];
  }
  if (schema.properties) {
    const required = schema.required ?? Object.keys(schema.properties);
    return Object.fromEntries(required.map((key) => [key, example(schema.properties[key])]));
  }
  return { integer: 0, number: 0, boolean: false, array: [], object: {} }[schema.type] ?? '';
}

function parameter_input(parameter) {
  const schema = resolve(parameter.schema) ?? {};
  const name = parameter.name;
  const input = schema.enum
    ? element('select', { name }, element('option', { value: '' }), ...schema.enum.map((value) => element('option', {}, value)))
    : element('input', { name, placeholder: schema.default });
  input.required = Boolean(parameter.required);
  const remark = [parameter.in, parameter.required ? 'required' : '', parameter.description ?? ''];
  const label = element('label', {}, `${name} `, element('small', {}, remark.filter(Boolean).join(' · ')), input);
  return { parameter, input, label };
}

/* The body is a file where the description says so, else JSON, which every other body may be. */
function body_input(operation) {
  const content = operation.requestBody?.content;
  if (!content) {
    return null;
  }
  if (!content['application/json']) {
    const input = element('input', { type: 'file' });
    return { input, label: element('label', {}, 'file ', input), is_file: true };
  }
  const text = JSON.stringify(example(content['application/json'].schema), null, 2);
  const input = element('textarea', { spellcheck: 'false' });
  input.value = text;
  return { input, label: element('label', {}, 'body ', element('small', {}, 'application/json'), input) };
}

function request_of(path, method, inputs, body) {
  const query = new URLSearchParams();
  const headers = {};
  let target = path;
  for (const { parameter, input } of inputs) {
    if (parameter.in === 'path') {
      target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    } else if (input.value && parameter.in === 'query') {
      query.set(parameter.name, input.value);
    } else if (input.value && parameter.in === 'header') {
      headers[parameter.name] = input.value;
    }
  }
  const token = document.getElementById('token').value.trim();
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  let content;
  if (body?.is_file) {
    content = new FormData();
    if (body.input.files[0]) {
      content.append('file', body.input.files[0]);
    }
  } else if (body) {
    headers['Content-Type'] = 'application/json';
    content = body.input.value;
  }
  const address = query.size ? `${target}?${query}` : target;
  return [address, { method: method.toUpperCase(), headers, body: content }];
}

/* The reply's first bytes as text; an endless stream is shown as it comes, until it is stopped. */
async function show_reply(reply, output) {
  const headers = [...reply.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  output.textContent = `${reply.status} ${reply.statusText}\n${headers}\n\n`;
  const type = reply.headers.get('content-type') ?? '';
  if (!/json|text|mpegurl/.test(type)) {
    output.textContent += type ? `(${type})` : '';
    await reply.body?.cancel();
    return;
  }
  if (type.includes('json')) {
    output.textContent += JSON.stringify(await reply.json(), null, 2);
    return;
  }
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done || output.textContent.length > SHOWN_BYTES_MAX) {
      await reader.cancel();
      return;
    }
    output.append(value);
  }
}

function try_form(path, method, operation, parameters) {
  const inputs = parameters.map(parameter_input);
  const body = body_input(operation);
  const output = element('pre', { hidden: '', tabindex: '0' });
  const form = element('form', {}, ...inputs.map((one) => one.label), ...(body ? [body.label] : []),
    element('button', {}, 'Send'), output);
  let running;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    output.hidden = false;
    output.textContent = '…';
    try {
      const [address, options] = request_of(path, method, inputs, body);
      await show_reply(await fetch(address, { ...options, signal }), output);
    } catch (error) {
      if (!signal.aborted) {
        output.append(`\n${error}`);
      }
    }
  });
  return form;
}

function replies_table(operation) {
  const rows = Object.entries(operation.responses).map(([status, reply]) =>
    element('tr', {}, element('td', {}, element('code', {}, status)), element('td', {}, ...prose(resolve(reply).description))));
  return element('table', {}, ...rows);
}

function operation_details(path, method, operation, shared) {
  const parameters = [...shared, ...(operation.parameters ?? [])].map(resolve);
  const summary = element('summary', {},
    element('span', { class: `method ${method.toUpperCase()}` }, method.toUpperCase()),
    element('span', { class: 'path' }, path), operation.summary);
  const details = element('details', { id: operation.operationId }, summary);
  details.addEventListener('toggle', () => {
    details.append(
      ...(operation.description ? [element('p', {}, ...prose(operation.description))] : []),
      replies_table(operation), try_form(path, method, operation, parameters));
  }, { once: true });
  return details;
}

async function main() {
  api = await (await fetch('/openapi.json')).json();
  document.getElementById('about').textContent = api.info.summary;
  const operations = document.getElementById('operations');
  for (const tag of api.tags) {
    operations.append(element('h2', {}, tag.name), element('p', {}, tag.description));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS) {
        if (item[method]?.tags.includes(tag.name)) {
          operations.append(operation_details(path, method, item[method], item.parameters ?? []));
        }
      }
    }
  }
  document.getElementById(location.hash.slice(1))?.setAttribute('open', '');
}

await main();
