/* Who is signed in, as far as the page can know: the session itself is an HttpOnly cookie. A hint
 * that says "somebody signed in here" spares a visitor a request that is bound to be refused. */

const HINT_KEY = 'espotifai.signed_in';
export const APP_ADDRESS = '/app.html';
export const SIGN_IN_ADDRESS = '/index.html';

export function setSignedInHint(is_signed_in: boolean): void {
  try {
    if (is_signed_in) {
      localStorage.setItem(HINT_KEY, '1');
    } else {
      localStorage.removeItem(HINT_KEY);
    }
  } catch {
    /* Storage can be switched off; the hint is only a convenience. */
  }
}

export function hasSignedInHint(): boolean {
  try {
    return localStorage.getItem(HINT_KEY) !== null;
  } catch {
    return false;
  }
}

/** Where to go after signing in: only ever a place within the app. */
export function nextAddress(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '';
  return /^#\/[a-z]*$/.test(next) ? APP_ADDRESS + next : APP_ADDRESS;
}

/** The session is over: sign in again, and come back to this view. */
export function leaveToSignIn(): void {
  setSignedInHint(false);
  const next = location.hash ? `?next=${encodeURIComponent(location.hash)}` : '';
  location.replace(SIGN_IN_ADDRESS + next);
}
