/* What stands in for a list that is not there: still loading, or not readable. */
import { t } from '../i18n';

export function Skeletons() {
  return (
    <div class="cards" aria-busy="true" aria-label={t('common.loading')} role="status">
      <div class="skeleton" />
      <div class="skeleton" />
      <div class="skeleton" />
    </div>
  );
}

export function LoadError({ message, onRetry }: { message: string; onRetry: () => void }) {
  return (
    <div class="notice notice-bad" role="alert">
      <span>{message}</span>
      <button type="button" class="button" onClick={onRetry}>
        {t('common.retry')}
      </button>
    </div>
  );
}
