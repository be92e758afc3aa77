/* Short messages that come and go; read out by screen readers. */
import { signal } from '@preact/signals';
import { t } from '../i18n';
import { Icon } from './icon';

const SHOWN_MS = 6000;
const SHOWN_MAX = 3;

interface Toast {
  id: number;
  text: string;
  is_error: boolean;
}

const toasts = signal<readonly Toast[]>([]);
let last_id = 0;

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

function show(text: string, is_error: boolean): void {
  last_id += 1;
  const id = last_id;
  const others = toasts.value.filter((toast) => toast.text !== text);
  toasts.value = [...others, { id, text, is_error }].slice(-SHOWN_MAX);
  window.setTimeout(() => dismiss(id), SHOWN_MS);
}

export function showMessage(text: string): void {
  show(text, false);
}

export function showError(text: string): void {
  show(text, true);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={toast.is_error ? 'toast toast-bad' : 'toast'}>
          <span>{toast.text}</span>
          <button
            type="button"
            class="button-icon"
            aria-label={t('common.close')}
            onClick={() => dismiss(toast.id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
