/* Keeps the state true to the server: events while the line stands, polling while it does not. */
import { signal } from '@preact/signals';
import { EVENTS_ADDRESS } from '../api';
import type { Job, Media } from '../api';
import { showMessage } from '../ui/toast';
import { t } from '../i18n';
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

const POLL_BUSY_MS = 2000;
const POLL_IDLE_MS = 15_000;
/** After the server refused the event stream (rather than only losing it), ask again this often. */
const REOPEN_MS = 30_000;

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
  let timer = 0;

  function poll(): void {
    window.clearTimeout(timer);
    timer = window.setTimeout(
      () => {
        void (activeJobs.value ? refreshJobs() : refreshLibrary()).finally(() => {
          if (!isLive.value) {
            poll();
          }
        });
      },
      activeJobs.value ? POLL_BUSY_MS : POLL_IDLE_MS,
    );
  }

  function open(): void {
    source = new EventSource(EVENTS_ADDRESS);
    source.addEventListener('job', onJob);
    source.addEventListener('media', onMedia);
    source.addEventListener('share', onShare);
    source.addEventListener('open', () => {
      window.clearTimeout(timer);
      isLive.value = true;
      /* Whatever happened while the line was down is in the lists. */
      void refreshLibrary();
    });
    source.addEventListener('error', () => {
      isLive.value = false;
      poll();
      if (source?.readyState === EventSource.CLOSED) {
        window.setTimeout(open, REOPEN_MS);
      }
    });
  }

  /* A new conversion should not wait for the slow beat that was set when nothing ran. */
  activeJobs.subscribe(() => {
    if (!isLive.value) {
      poll();
    }
  });
  open();
  window.addEventListener('pagehide', () => source?.close());
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) {
      open();
    }
  });
}
