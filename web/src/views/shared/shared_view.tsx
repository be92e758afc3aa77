/* What others share with the caller. */
import { streamAddress } from '../../api';
import type { Job, SharedItem } from '../../api';
import { language, t } from '../../i18n';
import { formatBytes, formatClock, joinFacts, outputFilename } from '../../lib/format';
import { isPlayable, isVideo, mediaTitle, sortedJobs } from '../../state/library';
import { refreshShared, sharedError, sharedItems } from '../../state/store';
import { Icon } from '../../ui/icon';
import { LoadError, Skeletons } from '../../ui/states';
import { Thumb } from '../../ui/thumb';
import { PlayButton } from '../player/play_button';

function SharedJob({ job, item }: { job: Job; item: SharedItem }) {
  const target = job.target.toUpperCase();
  return (
    <li class="job">
      <span class="badge">{target}</span>
      <span class="job-detail">
        {job.output_size_bytes ? formatBytes(job.output_size_bytes, language) : ''}
      </span>
      <div class="job-actions">
        {isPlayable(job) && <PlayButton job={job} item={item} />}
        {job.status === 'done' && job.target !== 'hls' && (
          <a
            class="button button-small"
            href={streamAddress(item.media_id, job.job_id)}
            download={outputFilename(item.original_filename, job.target)}
            aria-label={t('job.download_label', { target })}
          >
            <Icon name="download" />
            <span class="wide-only">{t('job.download')}</span>
          </a>
        )}
      </div>
    </li>
  );
}

function SharedCard({ item }: { item: SharedItem }) {
  const title = mediaTitle(item);
  const detail = [
    item.owner_username && t('shared.from', { name: item.owner_username }),
    item.duration_seconds && formatClock(item.duration_seconds),
  ];
  return (
    <li class="card" aria-label={title}>
      <div class="card-head">
        <Thumb media_id={item.media_id} poster_url={item.poster_url} is_video={isVideo(item)} />
        <div class="card-text">
          <h2 title={title}>{title}</h2>
          <p class="muted">{joinFacts(detail)}</p>
        </div>
      </div>
      <ul class="jobs" aria-label={t('job.list', { name: title })}>
        {sortedJobs(item.jobs).map((job) => (
          <SharedJob key={job.job_id} job={job} item={item} />
        ))}
      </ul>
    </li>
  );
}

export function SharedView() {
  const items = sharedItems.value;
  return (
    <>
      <h1>{t('nav.shared')}</h1>
      {sharedError.value !== null && (
        <LoadError message={sharedError.value} onRetry={refreshShared} />
      )}
      {items === null && sharedError.value === null && <Skeletons />}
      {items?.length === 0 && (
        <div class="empty">
          <h2>{t('shared.empty_title')}</h2>
          <p>{t('shared.empty_text')}</p>
        </div>
      )}
      <ul class="cards">
        {(items ?? []).map((item) => (
          <SharedCard key={item.media_id} item={item} />
        ))}
      </ul>
    </>
  );
}
