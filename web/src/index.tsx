/* The document that one meets first: sign in or make an account, then on to the app. */
import { render } from 'preact';
import { api } from './api';
import { applyLanguage } from './i18n';
import { hasSignedInHint, nextAddress, setSignedInHint } from './session';
import { SignIn } from './views/signin/sign_in';

function enter(): void {
  setSignedInHint(true);
  location.replace(nextAddress(location.search));
}

async function isSignedIn(): Promise<boolean> {
  if (!hasSignedInHint()) {
    return false;
  }
  try {
    await api.me();
    return true;
  } catch {
    /* Whatever the reason, signing in is what can be done about it. */
    setSignedInHint(false);
    return false;
  }
}

applyLanguage();
if (await isSignedIn()) {
  enter();
} else {
  const root = document.getElementById('root');
  if (root) {
    render(<SignIn onSignedIn={enter} />, root);
  }
}
