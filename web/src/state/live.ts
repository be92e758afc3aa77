/* Keeps the state true to the server: events while the line stands, polling while it does not. */
import { signal } from '@preact/signals';
import { EVENTS_ADDRESS } from '../api';
import type { Job, Media } from '../api';
import { showMessage } from '../ui/toast';
import { t } from '../i18n';
import { quietMax } from './quiet';
import {
  activeJobs,
  applyJob,
  applyMedia,
  forgetJob,
  forgetMedia,
  refreshJobs,
  refreshLibrary,
  refreshShared,
  user,
} from './store';

const TICK_MS = 1000;
/** After the server refused the event stream (rather than only losing it), ask again this often. */
const REOPEN_MS = 30_000;
/** A browser opens only about six connections to a server: windows out of sight give theirs back. */
const HIDDEN_MS = 60_000;

export const isLive = signal(false);

function parse<Data>(event: Event): Data {
  return JSON.parse((event as MessageEvent<string>).data) as Data;
}

/** What is told of a thing that is gone. */
interface Gone {
  deleted: true;
  id?: string;
  media_id?: string;
  job_id?: string;
}

function isGone(news: object): news is Gone {
  return 'deleted' in news && news.deleted === true;
}

function onJob(event: Event): void {
  const news = parse<Job | Gone>(event);
  if (isGone(news)) {
    forgetJob(news.media_id ?? '', news.job_id ?? '');
  } else {
    applyJob(news);
  }
}

function onMedia(event: Event): void {
  const news = parse<Media | Gone>(event);
  if (isGone(news)) {
    forgetMedia(news.id ?? news.media_id ?? '');
  } else if (news.user_id === user.value?.id) {
    applyMedia(news);
  }
}

function onShare(event: Event): void {
  void refreshShared();
  if (!isGone(parse<object>(event))) {
    showMessage(t('shared.news'));
  }
}

/** Starts for as long as the document lives. */
export function startLive(): void {
  let source: EventSource | null = null;
  let last_heard_ms = performance.now();

  function heard(): void {
    last_heard_ms = performance.now();
  }

  function listen(name: string, act: (event: Event) => void): void {
    source?.addEventListener(name, (event) => {
      heard();
      act(event);
    });
  }

  function close(): void {
    source?.close();
    source = null;
    isLive.value = false;
  }

  function open(): void {
    close();
    source = new EventSource(EVENTS_ADDRESS);
    listen('job', onJob);
    listen('media', onMedia);
    listen('share', onShare);
    listen('open', () => {
      isLive.value = true;
      /* Whatever happened while the line was down is in the lists. */
      void refreshLibrary();
      void refreshShared();
    });
    source.addEventListener('error', () => {
      isLive.value = false;
      if (source?.readyState === EventSource.CLOSED) {
        window.setTimeout(() => {
          if (!isLive.value && !document.hidden) {
            open();
          }
        }, REOPEN_MS);
      }
    });
  }

  window.setInterval(() => {
    const quiet_ms = performance.now() - last_heard_ms;
    if (!document.hidden && quiet_ms >= quietMax(isLive.value, activeJobs.value)) {
      heard();
      void (activeJobs.value ? refreshJobs() : refreshLibrary());
    }
  }, TICK_MS);
  open();

  let hidden_timer = 0;
  document.addEventListener('visibilitychange', () => {
    window.clearTimeout(hidden_timer);
    if (document.hidden) {
      hidden_timer = window.setTimeout(close, HIDDEN_MS);
    } else if (source === null) {
      open();
    }
  });
  window.addEventListener('pagehide', close);
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) {
      open();
    }
  });
}
