/* Connects a <video> element with what it is to play: a file by the browser itself, HLS by hls.js
 * (loaded only then) or by the browser where that is the better player. */
import type Hls from 'hls.js';
import type { ErrorData } from 'hls.js';

const NETWORK_RETRIES_MAX = 10;
const NETWORK_RETRY_MS = 2000;
const MEDIA_RECOVERIES_MAX = 3;
const RELOADS_MAX = 5;
const HLS_TYPE = 'application/vnd.apple.mpegurl';

/* Safari's own HLS is the best there is; elsewhere a browser may claim to play HLS and know only
 * some of it, so that hls.js is used wherever it can run. */
function prefersNativeHls(video: HTMLVideoElement): boolean {
  if (!video.canPlayType(HLS_TYPE)) {
    return false;
  }
  const has_media_source = 'MediaSource' in window || 'ManagedMediaSource' in window;
  return !has_media_source || navigator.vendor.startsWith('Apple');
}

/* A segment that is still to be converted is waited for by the server, and then answered 503 until
 * it is there. */
const SEGMENT_RETRY = {
  maxNumRetry: 20,
  retryDelayMs: 500,
  maxRetryDelayMs: 1000,
  backoff: 'linear',
} as const;

/* The conversion went another way than its playlist foretold: the playlist of now knows better. */
function isOutdated(data: ErrorData): boolean {
  return data.type === 'networkError' && data.frag !== undefined && data.response?.code === 404;
}

function recover(
  hls: Hls,
  fatal_type: string,
  counts: { network: number; media: number },
): boolean {
  if (fatal_type === 'networkError' && counts.network < NETWORK_RETRIES_MAX) {
    counts.network += 1;
    window.setTimeout(() => hls.startLoad(), NETWORK_RETRY_MS);
    return true;
  }
  if (fatal_type === 'mediaError' && counts.media < MEDIA_RECOVERIES_MAX) {
    counts.media += 1;
    hls.recoverMediaError();
    return true;
  }
  return false;
}

async function attachHlsJs(
  video: HTMLVideoElement,
  address: string,
  onFatal: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { default: HlsPlayer } = await import('hls.js');
  if (signal.aborted) {
    return;
  }
  if (!HlsPlayer.isSupported()) {
    onFatal();
    return;
  }
  /* A conversion that still runs is listed as a whole wherever that is known beforehand. Elsewhere
   * it grows as an EVENT, which is to be played from its beginning, not its live edge. */
  const hls = new HlsPlayer({ startPosition: 0, enableWorker: false });
  const { fragLoadPolicy } = hls.config;
  hls.config.fragLoadPolicy = { default: { ...fragLoadPolicy.default, errorRetry: SEGMENT_RETRY } };
  signal.addEventListener('abort', () => hls.destroy());
  const counts = { network: 0, media: 0, reloads: 0 };
  hls.on(HlsPlayer.Events.FRAG_BUFFERED, () => {
    counts.network = 0;
  });
  hls.on(HlsPlayer.Events.ERROR, (_, data) => {
    if (!data.fatal) {
      return;
    }
    if (isOutdated(data) && counts.reloads < RELOADS_MAX) {
      counts.reloads += 1;
      hls.config.startPosition = video.currentTime;
      hls.loadSource(address);
    } else if (!recover(hls, data.type, counts)) {
      onFatal();
    }
  });
  hls.loadSource(address);
  hls.attachMedia(video);
}

/** Loads `address` into `video` until `signal` aborts. `onFatal`: it cannot be played, after all
 * retries. */
export async function attachSource(
  video: HTMLVideoElement,
  address: string,
  is_hls: boolean,
  onFatal: () => void,
  signal: AbortSignal,
): Promise<void> {
  if (is_hls && !prefersNativeHls(video)) {
    await attachHlsJs(video, address, onFatal, signal);
    return;
  }
  if (is_hls) {
    video.addEventListener('loadedmetadata', () => (video.currentTime = 0), { once: true, signal });
  }
  video.addEventListener('error', onFatal, { signal });
  signal.addEventListener('abort', () => {
    video.removeAttribute('src');
    video.load();
  });
  video.src = address;
}
