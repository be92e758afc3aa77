/* What the caller brought in, newest first, and the place to bring in more. */
import { t } from '../../i18n';
import { library, libraryError, loadMoreMedia, refreshLibrary } from '../../state/store';
import { LoadError, Skeletons } from '../../ui/states';
import { MediaCard } from './media_card';
import { UploadPanel } from './upload_panel';

export function LibraryView() {
  const { items, next_cursor, is_loaded } = library.value;
  return (
    <>
      <h1>{t('nav.library')}</h1>
      <UploadPanel />
      {!is_loaded && libraryError.value === null && <Skeletons />}
      {libraryError.value !== null && (
        <LoadError message={libraryError.value} onRetry={refreshLibrary} />
      )}
      {is_loaded && items.length === 0 && (
        <div class="empty">
          <h2>{t('library.empty_title')}</h2>
          <p>{t('library.empty_text')}</p>
        </div>
      )}
      <ul class="cards">
        {items.map((media) => (
          <MediaCard key={media.id} media={media} />
        ))}
      </ul>
      {next_cursor !== null && (
        <button type="button" class="button button-wide" onClick={loadMoreMedia}>
          {t('library.more')}
        </button>
      )}
    </>
  );
}
