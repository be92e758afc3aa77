/* The views of the app, by the address's fragment: `app.html#/shared`. */
import { signal } from '@preact/signals';

export const VIEWS = ['library', 'shared', 'monitor'] as const;
export type View = (typeof VIEWS)[number];

function viewOf(hash: string): View {
  return VIEWS.find((view) => hash === `#/${view}`) ?? 'library';
}

export const view = signal<View>(viewOf(location.hash));

window.addEventListener('hashchange', () => {
  view.value = viewOf(location.hash);
});
