/* The player: one element for sound and picture, docked at the bottom and kept while one browses. */
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { streamAddress } from '../../api';
import { t } from '../../i18n';
import { formatClock } from '../../lib/format';
import { Icon } from '../../ui/icon';
import { Thumb } from '../../ui/thumb';
import { isPlaying, nowPlaying, toggleRequests } from './now_playing';
import type { Track } from './now_playing';
import { attachSource } from './source';

const SKIP_SECONDS = 10;
const VOLUME_KEY = 'espotifai.volume';

function storedVolume(): number {
  try {
    const volume = Number.parseFloat(localStorage.getItem(VOLUME_KEY) ?? '1');
    return volume >= 0 && volume <= 1 ? volume : 1;
  } catch {
    return 1;
  }
}

function storeVolume(volume: number): void {
  try {
    localStorage.setItem(VOLUME_KEY, String(volume));
  } catch {
    /* Storage can be switched off: then the volume is simply not remembered. */
  }
}

/** The last second that can be jumped to. */
function seekableEnd(video: HTMLVideoElement): number {
  const { seekable } = video;
  return seekable.length > 0 ? seekable.end(seekable.length - 1) : 0;
}

function startPlaying(video: HTMLVideoElement): void {
  video.play().catch((error: unknown) => {
    /* Refused autoplay, or overtaken by a newer source: the button shows that it is paused. */
    if (!(error instanceof DOMException)) {
      throw error;
    }
  });
}

function announceToSystem(track: Track): void {
  if ('mediaSession' in navigator) {
    navigator.mediaSession.metadata = new MediaMetadata({
      title: track.title,
      artwork: track.poster_url ? [{ src: track.poster_url }] : [],
    });
  }
}

interface Clock {
  time: number;
  duration: number;
  /** How far one can seek: less than `duration` while a conversion runs whose rest is not known. */
  ready: number;
}

const NO_CLOCK: Clock = { time: 0, duration: 0, ready: 0 };

function readClock(video: HTMLVideoElement, track: Track): Clock {
  const ready = seekableEnd(video);
  const own = Number.isFinite(video.duration) ? video.duration : 0;
  const is_growing = track.is_hls && (track.duration_seconds ?? 0) > own + 1;
  return {
    time: video.currentTime,
    duration: is_growing ? (track.duration_seconds ?? own) : own,
    ready,
  };
}

function PlayerDock({ track }: { track: Track }) {
  const video = useRef<HTMLVideoElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const [clock, setClock] = useState(NO_CLOCK);
  const [is_video, setVideo] = useState(track.is_video);
  const [is_waiting, setWaiting] = useState(true);
  const [is_small, setSmall] = useState(false);
  const [is_broken, setBroken] = useState(false);
  const [volume, setVolume] = useState(storedVolume);
  const [attempt, setAttempt] = useState(0);
  const handled_toggles = useRef(toggleRequests.value);

  useEffect(() => {
    const element = video.current;
    if (!element) {
      return undefined;
    }
    const stop = new AbortController();
    setBroken(false);
    setWaiting(true);
    const onFatal = () => {
      setBroken(true);
      setWaiting(false);
      isPlaying.value = false;
    };
    const address = streamAddress(track.media_id, track.job_id);
    void attachSource(element, address, track.is_hls, onFatal, stop.signal).then(() => {
      if (!stop.signal.aborted) {
        startPlaying(element);
      }
    });
    announceToSystem(track);
    return () => {
      stop.abort();
      isPlaying.value = false;
    };
  }, [attempt]);

  const toggle = () => {
    const element = video.current;
    if (!element) {
      return;
    }
    if (element.paused) {
      startPlaying(element);
    } else {
      element.pause();
    }
  };

  useSignalEffect(() => {
    if (toggleRequests.value !== handled_toggles.current) {
      handled_toggles.current = toggleRequests.value;
      toggle();
    }
  });

  const seek = (time: number) => {
    const element = video.current;
    if (element) {
      element.currentTime = Math.max(0, Math.min(time, seekableEnd(element)));
      setClock(readClock(element, track));
    }
  };

  const changeVolume = (value: number) => {
    setVolume(value);
    storeVolume(value);
    if (video.current) {
      video.current.volume = value;
    }
  };

  const toggleFull = () => {
    if (document.fullscreenElement) {
      void document.exitFullscreen();
    } else {
      void stage.current?.requestFullscreen();
    }
  };

  const updateClock = () => video.current && setClock(readClock(video.current, track));
  const fraction = (value: number) =>
    clock.duration > 0 ? `${Math.min(100, (value / clock.duration) * 100)}%` : '0%';

  const size_class = is_small ? 'player player-video player-small' : 'player player-video';
  return (
    <section class={is_video ? size_class : 'player'} aria-label={t('player.title')}>
      <div class="player-stage" ref={stage}>
        <video
          ref={video}
          playsInline
          preload="auto"
          aria-label={track.title}
          onClick={toggle}
          onDblClick={toggleFull}
          onLoadedMetadata={(event) => {
            event.currentTarget.volume = volume;
            setVideo(event.currentTarget.videoWidth > 0);
            updateClock();
          }}
          onTimeUpdate={updateClock}
          onDurationChange={updateClock}
          onProgress={updateClock}
          onPlay={() => (isPlaying.value = true)}
          onPause={() => (isPlaying.value = false)}
          onEnded={() => (isPlaying.value = false)}
          onWaiting={() => setWaiting(true)}
          onCanPlay={() => setWaiting(false)}
          onPlaying={() => setWaiting(false)}
        />
      </div>
      <div class="player-bar">
        <div class="player-title">
          <Thumb media_id={track.media_id} poster_url={track.poster_url} is_video={is_video} />
          <div class="player-words">
            <strong title={track.title}>{track.title}</strong>
            {is_broken ? (
              <span class="bad" role="alert">
                {t('player.error')}{' '}
                <button type="button" class="button-link" onClick={() => setAttempt(attempt + 1)}>
                  {t('common.retry')}
                </button>
              </span>
            ) : (
              <span class="muted">{is_waiting ? t('player.loading') : track.target}</span>
            )}
          </div>
        </div>
        <div class="player-buttons">
          <button
            type="button"
            class="button-icon wide-only"
            aria-label={t('player.back', { seconds: SKIP_SECONDS })}
            onClick={() => seek(clock.time - SKIP_SECONDS)}
          >
            <Icon name="back" />
          </button>
          <button
            type="button"
            class="button-icon button-round"
            aria-label={isPlaying.value ? t('player.pause') : t('player.play')}
            onClick={toggle}
          >
            <Icon name={isPlaying.value ? 'pause' : 'play'} />
          </button>
          <button
            type="button"
            class="button-icon wide-only"
            aria-label={t('player.forward', { seconds: SKIP_SECONDS })}
            onClick={() => seek(clock.time + SKIP_SECONDS)}
          >
            <Icon name="forward" />
          </button>
        </div>
        <div class="player-seek">
          <span class="clock">{formatClock(clock.time)}</span>
          <input
            type="range"
            class="slider"
            min={0}
            max={Math.max(1, clock.duration)}
            step="any"
            value={clock.time}
            aria-label={t('player.seek')}
            aria-valuetext={`${formatClock(clock.time)} / ${formatClock(clock.duration)}`}
            style={{ '--fill': fraction(clock.time), '--ready': fraction(clock.ready) }}
            onInput={(event) => seek(event.currentTarget.valueAsNumber)}
          />
          <span class="clock">{formatClock(clock.duration || track.duration_seconds)}</span>
        </div>
        <div class="player-more">
          <button
            type="button"
            class="button-icon wide-only"
            aria-label={t('player.mute')}
            aria-pressed={volume === 0}
            onClick={() => changeVolume(volume === 0 ? 1 : 0)}
          >
            <Icon name={volume === 0 ? 'mute' : 'volume'} />
          </button>
          <input
            type="range"
            class="slider volume wide-only"
            min={0}
            max={1}
            step={0.05}
            value={volume}
            aria-label={t('player.volume')}
            style={{ '--fill': `${volume * 100}%`, '--ready': '100%' }}
            onInput={(event) => changeVolume(event.currentTarget.valueAsNumber)}
          />
          {is_video && (
            <>
              <button
                type="button"
                class="button-icon"
                aria-label={t(is_small ? 'player.larger' : 'player.smaller')}
                onClick={() => setSmall(!is_small)}
              >
                <Icon name={is_small ? 'up' : 'down'} />
              </button>
              <button
                type="button"
                class="button-icon"
                aria-label={t('player.full')}
                onClick={toggleFull}
              >
                <Icon name="full" />
              </button>
            </>
          )}
          <button
            type="button"
            class="button-icon"
            aria-label={t('player.close')}
            onClick={() => (nowPlaying.value = null)}
          >
            <Icon name="close" />
          </button>
        </div>
      </div>
    </section>
  );
}

export function Player() {
  const track = nowPlaying.value;
  return track && <PlayerDock key={track.job_id} track={track} />;
}
