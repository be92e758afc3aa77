/* The caller's library as the page knows it, and how news changes it. Pure functions over immutable
 * values; store.ts holds the one current state. */
import type { Job, JobStatus, Media } from '../api';

export interface Library {
  /** newest first */
  readonly items: readonly Media[];
  readonly next_cursor: string | null;
  readonly is_loaded: boolean;
}

export const EMPTY_LIBRARY: Library = { items: [], next_cursor: null, is_loaded: false };

export function isActive(status: JobStatus): boolean {
  return status === 'enqueued' || status === 'processing';
}

/** Can be heard or seen now: finished, or so far that its first seconds are there. */
export function isPlayable(job: Job): boolean {
  return job.status === 'done' || (isActive(job.status) && !!job.playable);
}

/** Whether trying again can help: not where the file itself is to blame. */
export function isRetryable(job: Job): boolean {
  return job.status === 'cancelled' || (job.status === 'failed' && job.error?.retryable !== false);
}

export function isVideo(media: Pick<Media, 'streams'>): boolean {
  return (media.streams ?? []).some((stream) => stream.kind === 'video');
}

export function hasAudio(media: Pick<Media, 'streams'>): boolean {
  const streams = media.streams ?? [];
  return streams.length === 0 || streams.some((stream) => stream.kind === 'audio');
}

/** What to call it: the title tag with its artist where there is one, else the file's name. */
export function mediaTitle(media: Pick<Media, 'tags' | 'original_filename'>): string {
  const { title, artist } = media.tags ?? {};
  if (!title) {
    return media.original_filename;
  }
  return artist ? `${title} · ${artist}` : title;
}

/** Newest first. */
export function sortedJobs(jobs: Record<string, Job>): Job[] {
  return Object.values(jobs).sort(
    (a, b) => b.enqueued_at.localeCompare(a.enqueued_at) || a.job_id.localeCompare(b.job_id),
  );
}

export function hasActiveJobs(library: Library): boolean {
  return library.items.some((media) =>
    Object.values(media.jobs).some((job) => isActive(job.status)),
  );
}

/* News can overtake each other (an event, a poll's answer, the reply to a click). What is older
 * than what we know is dropped; at the same time stamp a final state stands and progress only
 * grows. */
function isStale(known: Job, news: Job): boolean {
  if (news.updated_at !== known.updated_at) {
    return news.updated_at < known.updated_at;
  }
  if (!isActive(known.status)) {
    return isActive(news.status);
  }
  return isActive(news.status) && (news.progress ?? 0) < (known.progress ?? 0);
}

export function mergeJob(known: Job | undefined, news: Job): Job {
  return known && isStale(known, news) ? known : news;
}

function mergeMedia(known: Media | undefined, news: Media): Media {
  if (!known) {
    return { ...news, jobs: news.jobs ?? {} };
  }
  const jobs: Record<string, Job> = {};
  for (const [job_id, job] of Object.entries(news.jobs ?? {})) {
    jobs[job_id] = mergeJob(known.jobs[job_id], job);
  }
  return { ...news, jobs };
}

/** Puts a job into its media; news of a media that is not in the list changes nothing. */
export function applyJob(library: Library, job: Job): Library {
  let is_changed = false;
  const items = library.items.map((media) => {
    if (media.id !== job.media_id) {
      return media;
    }
    const known = media.jobs[job.job_id];
    const merged = mergeJob(known, job);
    if (merged === known) {
      return media;
    }
    is_changed = true;
    return { ...media, jobs: { ...media.jobs, [job.job_id]: merged } };
  });
  return is_changed ? { ...library, items } : library;
}

export function removeJob(library: Library, media_id: string, job_id: string): Library {
  return {
    ...library,
    items: library.items.map((media) => {
      if (media.id !== media_id || !(job_id in media.jobs)) {
        return media;
      }
      const { [job_id]: _, ...jobs } = media.jobs;
      return { ...media, jobs };
    }),
  };
}

/** A media that is known is replaced in its place; a new one goes to the top. */
export function applyMedia(library: Library, media: Media): Library {
  const index = library.items.findIndex((item) => item.id === media.id);
  const merged = mergeMedia(library.items[index], media);
  const items =
    index < 0
      ? [merged, ...library.items]
      : library.items.map((item, place) => (place === index ? merged : item));
  return { ...library, items };
}

export function removeMedia(library: Library, media_id: string): Library {
  return { ...library, items: library.items.filter((media) => media.id !== media_id) };
}

/** The first page, read anew. Pages that were read after it are kept. */
export function applyFirstPage(
  library: Library,
  page: readonly Media[],
  next: string | null,
): Library {
  const known = new Map(library.items.map((media) => [media.id, media]));
  const merged = page.map((media) => mergeMedia(known.get(media.id), media));
  const last = merged.at(-1);
  if (!last || next === null || !library.is_loaded) {
    return { items: merged, next_cursor: next, is_loaded: true };
  }
  const fresh = new Set(merged.map((media) => media.id));
  const older = library.items.filter(
    (media) => !fresh.has(media.id) && media.created_at < last.created_at,
  );
  const next_cursor = older.length > 0 ? library.next_cursor : next;
  return { items: [...merged, ...older], next_cursor, is_loaded: true };
}

export function applyNextPage(
  library: Library,
  page: readonly Media[],
  next: string | null,
): Library {
  const known = new Set(library.items.map((media) => media.id));
  const added = page
    .filter((media) => !known.has(media.id))
    .map((media) => mergeMedia(undefined, media));
  return { items: [...library.items, ...added], next_cursor: next, is_loaded: true };
}
