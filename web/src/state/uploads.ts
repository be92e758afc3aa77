/* Files on their way to the server: a queue, two at a time. */
import { computed, signal } from '@preact/signals';
import { ApiError, uploadMedia } from '../api';
import type { UploadHandle } from '../api';
import { applyMedia } from './store';

const SENDING_MAX = 2;
/** Speed is taken over at least this long, so that it can be read. */
const SPEED_WINDOW_MS = 1000;

export type UploadState = 'waiting' | 'sending' | 'checking' | 'failed';

export interface Upload {
  readonly id: number;
  readonly file: File;
  readonly state: UploadState;
  readonly sent_bytes: number;
  readonly bytes_per_second: number | null;
  readonly error: string | null;
  /** Failed for a reason that may pass: the line, the server, a limit of the moment. */
  readonly can_retry: boolean;
}

export const uploads = signal<readonly Upload[]>([]);
export const isUploading = computed(() =>
  uploads.value.some((upload) => upload.state !== 'failed'),
);

const handles = new Map<number, UploadHandle>();
let last_id = 0;

function update(id: number, change: Partial<Upload>): void {
  uploads.value = uploads.value.map((upload) =>
    upload.id === id ? { ...upload, ...change } : upload,
  );
}

function remove(id: number): void {
  uploads.value = uploads.value.filter((upload) => upload.id !== id);
}

async function send(upload: Upload): Promise<void> {
  let window_start = performance.now();
  let window_bytes = 0;
  const handle = uploadMedia(upload.file, (sent_bytes) => {
    const now = performance.now();
    const change: { sent_bytes: number; state: UploadState; bytes_per_second?: number } = {
      sent_bytes,
      state: sent_bytes >= upload.file.size ? 'checking' : 'sending',
    };
    if (now - window_start >= SPEED_WINDOW_MS) {
      change.bytes_per_second = ((sent_bytes - window_bytes) * 1000) / (now - window_start);
      window_start = now;
      window_bytes = sent_bytes;
    }
    update(upload.id, change);
  });
  handles.set(upload.id, handle);
  try {
    applyMedia(await handle.done);
    remove(upload.id);
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    if (error.code === 'cancelled') {
      remove(upload.id);
    } else {
      update(upload.id, {
        state: 'failed',
        error: error.message,
        can_retry: error.status === 0 || error.status === 429 || error.status >= 500,
        bytes_per_second: null,
      });
    }
  } finally {
    handles.delete(upload.id);
    startNext();
  }
}

function startNext(): void {
  while (handles.size < SENDING_MAX) {
    const next = uploads.value.find((upload) => upload.state === 'waiting');
    if (!next) {
      return;
    }
    update(next.id, { state: 'sending' });
    void send(next);
  }
}

export function addFiles(files: Iterable<File>): void {
  const added = Array.from(files, (file): Upload => {
    last_id += 1;
    return {
      id: last_id,
      file,
      state: 'waiting',
      sent_bytes: 0,
      bytes_per_second: null,
      error: null,
      can_retry: false,
    };
  });
  uploads.value = [...uploads.value, ...added];
  startNext();
}

/** Stops an upload, or takes one that failed off the list. */
export function dropUpload(id: number): void {
  const handle = handles.get(id);
  if (handle) {
    handle.cancel();
  } else {
    remove(id);
  }
}

export function retryUpload(id: number): void {
  update(id, { state: 'waiting', sent_bytes: 0, error: null, can_retry: false });
  startNext();
}
