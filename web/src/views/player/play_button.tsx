import type { Job } from '../../api';
import { t } from '../../i18n';
import { Icon } from '../../ui/icon';
import { isPlaying, nowPlaying, play } from './now_playing';
import type { PlayableItem } from './now_playing';

export function PlayButton({ job, item }: { job: Job; item: PlayableItem }) {
  const is_this = nowPlaying.value?.job_id === job.job_id && isPlaying.value;
  const target = job.target.toUpperCase();
  return (
    <button
      type="button"
      class="button button-small button-play"
      aria-label={t(is_this ? 'player.pause_label' : 'player.play_label', { target })}
      onClick={() => play(item, job)}
    >
      <Icon name={is_this ? 'pause' : 'play'} />
      <span class="wide-only">{is_this ? t('player.pause') : t('player.play')}</span>
    </button>
  );
}
