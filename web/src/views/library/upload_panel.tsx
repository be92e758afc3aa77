/* Choose or drop files; those on their way with their progress. */
import { useEffect, useState } from 'preact/hooks';
import { language, t } from '../../i18n';
import { formatBytes, formatPercent, formatTimeLeft, joinFacts } from '../../lib/format';
import { addFiles, dropUpload, retryUpload, uploads } from '../../state/uploads';
import type { Upload } from '../../state/uploads';
import { Icon } from '../../ui/icon';

function uploadDetail(upload: Upload): string {
  const { file, sent_bytes, bytes_per_second } = upload;
  switch (upload.state) {
    case 'waiting':
      return joinFacts([t('upload.waiting'), formatBytes(file.size, language)]);
    case 'checking':
      return t('upload.checking');
    case 'failed':
      return upload.error ?? '';
    case 'sending': {
      const parts = [
        formatPercent(file.size > 0 ? sent_bytes / file.size : 0, language),
        t('upload.of', {
          sent: formatBytes(sent_bytes, language),
          size: formatBytes(file.size, language),
        }),
      ];
      if (bytes_per_second) {
        parts.push(`${formatBytes(bytes_per_second, language)}/s`);
        parts.push(
          t('job.eta', { time: formatTimeLeft((file.size - sent_bytes) / bytes_per_second) }),
        );
      }
      return joinFacts(parts);
    }
  }
}

function UploadRow({ upload }: { upload: Upload }) {
  const name = upload.file.name;
  const is_failed = upload.state === 'failed';
  return (
    <li class="upload">
      <div class="upload-text">
        <span class="upload-name" title={name}>
          {name}
        </span>
        <span
          class={is_failed ? 'upload-detail bad' : 'upload-detail muted'}
          role={is_failed ? 'alert' : undefined}
        >
          {uploadDetail(upload)}
        </span>
      </div>
      {upload.can_retry && (
        <button
          type="button"
          class="button-icon"
          aria-label={t('upload.retry', { name })}
          title={t('common.retry')}
          onClick={() => retryUpload(upload.id)}
        >
          <Icon name="retry" />
        </button>
      )}
      <button
        type="button"
        class="button-icon"
        aria-label={t(is_failed ? 'upload.dismiss' : 'upload.cancel', { name })}
        title={t(is_failed ? 'common.close' : 'common.cancel')}
        onClick={() => dropUpload(upload.id)}
      >
        <Icon name="close" />
      </button>
      {!is_failed && (
        <progress
          max={1}
          value={
            upload.state === 'checking'
              ? undefined
              : upload.sent_bytes / Math.max(1, upload.file.size)
          }
          aria-label={t('upload.progress', { name })}
        />
      )}
    </li>
  );
}

/** Files can be dropped anywhere in the window; true while some hang over it. */
function useFileDrop(): boolean {
  const [is_over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent) => {
      if (hasFiles(event)) {
        depth += 1;
        setOver(true);
      }
    };
    const leave = (event: DragEvent) => {
      if (hasFiles(event)) {
        depth -= 1;
        setOver(depth > 0);
      }
    };
    const over = (event: DragEvent) => {
      if (hasFiles(event)) {
        event.preventDefault();
      }
    };
    const drop = (event: DragEvent) => {
      if (hasFiles(event)) {
        event.preventDefault();
        depth = 0;
        setOver(false);
        addFiles(event.dataTransfer?.files ?? []);
      }
    };
    const stop = new AbortController();
    const { signal } = stop;
    window.addEventListener('dragenter', enter, { signal });
    window.addEventListener('dragleave', leave, { signal });
    window.addEventListener('dragover', over, { signal });
    window.addEventListener('drop', drop, { signal });
    return () => stop.abort();
  }, []);
  return is_over;
}

export function UploadPanel() {
  const is_over = useFileDrop();
  return (
    <section aria-label={t('upload.title')}>
      <div class={is_over ? 'drop drop-over' : 'drop'}>
        <Icon name="upload" />
        <div class="drop-text">
          <strong>{t(is_over ? 'upload.drop_now' : 'upload.add')}</strong>
          <span class="muted">
            <span class="mouse-only">{t('upload.drop')} </span>
            {t('upload.formats')}
          </span>
        </div>
        <label class="button button-main file-button">
          {t('upload.choose')}
          <input
            type="file"
            multiple
            accept="audio/*,video/*,.mkv,.flac,.opus,.ts,.wma"
            onChange={(event) => {
              addFiles(event.currentTarget.files ?? []);
              event.currentTarget.value = '';
            }}
          />
        </label>
      </div>
      {uploads.value.length > 0 && (
        <ul class="uploads" aria-label={t('upload.list')}>
          {uploads.value.map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
        </ul>
      )}
    </section>
  );
}
