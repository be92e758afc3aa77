/* One media of the caller's: what it is, what it can become, and what it has become. */
import { originalAddress } from '../../api';
import type { Media, Target } from '../../api';
import { language, t } from '../../i18n';
import { formatBytes, formatClock, formatDate, joinFacts } from '../../lib/format';
import { hasAudio, isActive, isVideo, mediaTitle, sortedJobs } from '../../state/library';
import { convert, deleteMedia, renameMedia } from '../../state/store';
import { askForText, askToConfirm } from '../../ui/ask';
import { Icon } from '../../ui/icon';
import { Menu } from '../../ui/menu';
import { Picture } from '../../ui/picture';
import { Thumb } from '../../ui/thumb';
import { JobRow } from './job_row';
import { stopPlaying } from '../player/now_playing';

const TARGETS: readonly Target[] = ['mp3', 'mp4', 'hls'];

/** Targets worth offering: those that are neither there nor on their way. */
function openTargets(media: Media): Target[] {
  const taken = new Set(
    Object.values(media.jobs)
      .filter((job) => job.status === 'done' || isActive(job.status))
      .map((job) => job.target),
  );
  return TARGETS.filter((target) => !taken.has(target) && (target !== 'mp3' || hasAudio(media)));
}

function mediaDetail(media: Media): string {
  const parts = [];
  if (media.tags?.title) {
    parts.push(media.original_filename);
  }
  if (media.duration_seconds) {
    parts.push(formatClock(media.duration_seconds));
  }
  const picture = (media.streams ?? []).find((stream) => stream.kind === 'video');
  if (picture?.height) {
    parts.push(`${picture.width}×${picture.height}`);
  }
  parts.push(formatBytes(media.original_size_bytes, language));
  parts.push(formatDate(media.created_at, language));
  return joinFacts(parts);
}

async function rename(media: Media): Promise<void> {
  const name = await askForText(
    t('media.rename_title'),
    t('media.name'),
    media.original_filename,
    t('common.save'),
  );
  if (name !== null) {
    await renameMedia(media, name);
  }
}

async function remove(media: Media): Promise<void> {
  const is_sure = await askToConfirm(
    t('media.delete_title'),
    t('media.delete_text', { name: media.original_filename }),
    t('common.delete'),
  );
  if (is_sure && (await deleteMedia(media))) {
    stopPlaying((track) => track.media_id === media.id);
  }
}

export function MediaCard({ media }: { media: Media }) {
  const targets = openTargets(media);
  const title = mediaTitle(media);
  return (
    <li class="card" aria-label={title}>
      <div class="card-head">
        <Thumb media_id={media.id} poster_url={media.poster_url} is_video={isVideo(media)} />
        <div class="card-text">
          <h2 title={title}>{title}</h2>
          <p class="muted">{mediaDetail(media)}</p>
        </div>
        <Menu
          label={t('media.more', { name: title })}
          button_class="button-icon"
          button={<Icon name="more" />}
        >
          <a href={originalAddress(media.id)} download={media.original_filename}>
            <Icon name="download" />
            {t('media.download_original')}
          </a>
          <button type="button" onClick={() => rename(media)}>
            <Icon name="edit" />
            {t('media.rename')}
          </button>
          <button type="button" class="bad" onClick={() => remove(media)}>
            <Icon name="trash" />
            {t('common.delete')}
          </button>
        </Menu>
      </div>
      {!isVideo(media) && media.waveform_url && (
        <div class="waveform">
          <Picture key={media.waveform_url} url={media.waveform_url} />
        </div>
      )}
      {Object.keys(media.jobs).length > 0 && (
        <ul class="jobs" aria-label={t('job.list', { name: title })}>
          {sortedJobs(media.jobs).map((job) => (
            <JobRow key={job.job_id} job={job} media={media} />
          ))}
        </ul>
      )}
      {targets.length > 0 && (
        <div class="targets" role="group" aria-label={t('media.convert_to')}>
          <span class="muted">{t('media.convert_to')}</span>
          {targets.map((target) => (
            <button
              key={target}
              type="button"
              class="chip"
              title={t(`target.${target}`)}
              onClick={() => convert(media, target)}
            >
              {target.toUpperCase()}
            </button>
          ))}
        </div>
      )}
    </li>
  );
}
