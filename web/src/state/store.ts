/* The page's one state, as signals, and the actions that change it. */
import { computed, signal } from '@preact/signals';
import { ApiError, api } from '../api';
import type { Job, Media, SharedItem, Target, User } from '../api';
import { showError, showMessage } from '../ui/toast';
import { t } from '../i18n';
import * as reduce from './library';

export const user = signal<User | null>(null);
export const library = signal<reduce.Library>(reduce.EMPTY_LIBRARY);
export const sharedItems = signal<readonly SharedItem[] | null>(null);
/** Why the last read of a view failed, as text for its user. */
export const libraryError = signal<string | null>(null);
export const sharedError = signal<string | null>(null);

export const activeJobs = computed(() => reduce.hasActiveJobs(library.value));

/** Runs an action of the user's; what goes wrong is shown. True when it went well. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    if (error.status !== 401) {
      showError(error.message);
    }
    return false;
  }
}

function messageOf(error: unknown): string {
  if (error instanceof ApiError) {
    return error.message;
  }
  throw error;
}

export async function refreshLibrary(): Promise<void> {
  try {
    const page = await api.listMedia();
    library.value = reduce.applyFirstPage(library.value, page.items, page.next_cursor ?? null);
    libraryError.value = null;
  } catch (error) {
    libraryError.value = messageOf(error);
  }
}

export async function loadMoreMedia(): Promise<void> {
  await attempt(async () => {
    const page = await api.listMedia(library.value.next_cursor);
    library.value = reduce.applyNextPage(library.value, page.items, page.next_cursor ?? null);
  });
}

export async function refreshJobs(): Promise<void> {
  try {
    const page = await api.listJobs();
    for (const job of page.items) {
      applyJob(job);
    }
  } catch (error) {
    messageOf(error);
  }
}

export async function refreshShared(): Promise<void> {
  try {
    sharedItems.value = (await api.sharedWithMe()).items;
    sharedError.value = null;
  } catch (error) {
    sharedError.value = messageOf(error);
  }
}

export function applyJob(job: Job): void {
  library.value = reduce.applyJob(library.value, job);
}

export function applyMedia(media: Media): void {
  library.value = reduce.applyMedia(library.value, media);
}

export function forgetJob(media_id: string, job_id: string): void {
  library.value = reduce.removeJob(library.value, media_id, job_id);
}

export function forgetMedia(media_id: string): void {
  library.value = reduce.removeMedia(library.value, media_id);
}

export async function convert(media: Media, target: Target): Promise<void> {
  await attempt(async () => {
    const answer = await api.convert(media.id, target);
    /* Shown at once, stamped so that any real news of it is newer. */
    const enqueued_at = new Date().toISOString();
    applyJob({ ...answer, enqueued_at, updated_at: '', progress: 0 });
    await refreshJobs();
  });
}

export async function cancelJob(job: Job): Promise<void> {
  if (await attempt(() => api.cancelJob(job.job_id))) {
    await refreshJobs();
  }
}

export async function retryJob(job: Job): Promise<void> {
  if (await attempt(() => api.retryJob(job.job_id))) {
    await refreshJobs();
  }
}

export async function deleteJob(job: Job): Promise<boolean> {
  const is_done = await attempt(() => api.deleteJob(job.job_id));
  if (is_done) {
    forgetJob(job.media_id, job.job_id);
  }
  return is_done;
}

export async function deleteMedia(media: Media): Promise<boolean> {
  const is_done = await attempt(() => api.deleteMedia(media.id));
  if (is_done) {
    forgetMedia(media.id);
    showMessage(t('media.deleted', { name: media.original_filename }));
  }
  return is_done;
}

export async function renameMedia(media: Media, name: string): Promise<boolean> {
  return attempt(async () => applyMedia(await api.renameMedia(media.id, name)));
}

/** Who may see a media changed: read it anew. */
export async function refreshMedia(media_id: string): Promise<void> {
  await attempt(async () => applyMedia(await api.media(media_id)));
}
