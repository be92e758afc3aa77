/* What the player plays. */
import { signal } from '@preact/signals';
import type { Job, SharedItem } from '../../api';
import { isVideo, mediaTitle } from '../../state/library';

export interface Track {
  readonly media_id: string;
  readonly job_id: string;
  readonly is_hls: boolean;
  /** A guess from the source; the player corrects it once it sees the picture. */
  readonly is_video: boolean;
  readonly title: string;
  readonly target: string;
  readonly poster_url: string | null;
  /** Of the source: an HLS conversion that still runs knows only a part of it. */
  readonly duration_seconds: number | null;
}

export type PlayableItem = Pick<
  SharedItem,
  'media_id' | 'original_filename' | 'tags' | 'streams' | 'poster_url' | 'duration_seconds'
>;

export const nowPlaying = signal<Track | null>(null);
/** Whether sound or picture is running, for the buttons outside the player. */
export const isPlaying = signal(false);
/** Counts presses of a play button on what is already in the player. */
export const toggleRequests = signal(0);

export function play(item: PlayableItem, job: Job): void {
  if (nowPlaying.value?.job_id === job.job_id) {
    toggleRequests.value += 1;
    return;
  }
  nowPlaying.value = {
    media_id: item.media_id,
    job_id: job.job_id,
    is_hls: job.target === 'hls',
    is_video: job.target !== 'mp3' && isVideo(item),
    title: mediaTitle(item),
    target: job.target.toUpperCase(),
    poster_url: item.poster_url ?? null,
    duration_seconds: item.duration_seconds ?? null,
  };
}

export function stopPlaying(is_meant: (track: Track) => boolean): void {
  if (nowPlaying.value && is_meant(nowPlaying.value)) {
    nowPlaying.value = null;
  }
}
