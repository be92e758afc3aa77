/* One conversion: how far it is, and what can be done with it. */
import { streamAddress } from '../../api';
import type { Job, Media } from '../../api';
import { language, t } from '../../i18n';
import {
  formatBytes,
  formatPercent,
  formatSpeed,
  formatTimeLeft,
  joinFacts,
  outputFilename,
} from '../../lib/format';
import { isActive, isPlayable, isRetryable } from '../../state/library';
import { cancelJob, deleteJob, retryJob } from '../../state/store';
import { askToConfirm } from '../../ui/ask';
import { Icon } from '../../ui/icon';
import { Menu } from '../../ui/menu';
import { stopPlaying } from '../player/now_playing';
import { PlayButton } from '../player/play_button';
import { openShareDialog } from '../share/share_dialog';

function activeDetail(job: Job): string {
  if (job.status === 'enqueued') {
    return job.queue_position
      ? t('job.queue_position', { position: job.queue_position })
      : t('job.enqueued');
  }
  const parts = [formatPercent(job.progress ?? 0, language)];
  if (job.speed) {
    parts.push(formatSpeed(job.speed, language));
  }
  if (typeof job.eta_seconds === 'number' && job.eta_seconds >= 0) {
    parts.push(t('job.eta', { time: formatTimeLeft(job.eta_seconds) }));
  }
  return joinFacts(parts);
}

function jobDetail(job: Job): string {
  switch (job.status) {
    case 'enqueued':
    case 'processing':
      return activeDetail(job);
    case 'done':
      return job.output_size_bytes ? formatBytes(job.output_size_bytes, language) : t('job.done');
    case 'failed':
      return job.error?.detail ?? t('job.failed');
    case 'cancelled':
      return t('job.cancelled');
  }
}

async function remove(job: Job): Promise<void> {
  const target = job.target.toUpperCase();
  const is_sure =
    job.status !== 'done' ||
    (await askToConfirm(
      t('job.delete_title'),
      t('job.delete_text', { target }),
      t('common.delete'),
    ));
  if (is_sure && (await deleteJob(job))) {
    stopPlaying((track) => track.job_id === job.job_id);
  }
}

export function JobRow({ job, media }: { job: Job; media: Media }) {
  const target = job.target.toUpperCase();
  const is_active = isActive(job.status);
  return (
    <li class={`job job-${job.status}`}>
      <span class="badge">{target}</span>
      <span class={job.status === 'failed' ? 'job-detail bad' : 'job-detail'}>
        {jobDetail(job)}
      </span>
      <div class="job-actions">
        {isPlayable(job) && <PlayButton job={job} item={{ ...media, media_id: media.id }} />}
        {job.status === 'done' && (
          <button
            type="button"
            class="button button-small"
            aria-label={t('job.share_label', { target })}
            onClick={() => openShareDialog(media.id, job.job_id)}
          >
            <Icon name="share" />
            <span class="wide-only">{t('job.share')}</span>
          </button>
        )}
        {is_active && (
          <button
            type="button"
            class="button button-small"
            aria-label={t('job.cancel_label', { target })}
            onClick={() => cancelJob(job)}
          >
            {t('common.cancel')}
          </button>
        )}
        {isRetryable(job) && (
          <button
            type="button"
            class="button button-small"
            aria-label={t('job.retry_label', { target })}
            onClick={() => retryJob(job)}
          >
            <Icon name="retry" />
            <span class="wide-only">{t('common.retry')}</span>
          </button>
        )}
        {!is_active && (
          <Menu
            label={t('job.more', { target })}
            button_class="button-icon"
            button={<Icon name="more" />}
          >
            {job.status === 'done' && job.target !== 'hls' && (
              <a
                href={streamAddress(media.id, job.job_id)}
                download={outputFilename(media.original_filename, job.target)}
              >
                <Icon name="download" />
                {t('job.download')}
              </a>
            )}
            <button type="button" class="bad" onClick={() => remove(job)}>
              <Icon name="trash" />
              {t('common.delete')}
            </button>
          </Menu>
        )}
      </div>
      {is_active && (
        <progress
          max={1}
          value={job.status === 'processing' ? (job.progress ?? 0) : 0}
          aria-label={t('job.progress', { target })}
        />
      )}
    </li>
  );
}
