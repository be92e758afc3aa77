/* The document for who is signed in: header, one view at a time, and the player that stays. */
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, api, setSessionLostHandler } from './api';
import { applyLanguage, t } from './i18n';
import { VIEWS, view } from './router';
import { leaveToSignIn, setSignedInHint } from './session';
import { startLive } from './state/live';
import { attempt, refreshLibrary, refreshShared, user } from './state/store';
import { isUploading } from './state/uploads';
import { Questions } from './ui/ask';
import { Icon, Logo } from './ui/icon';
import { Menu } from './ui/menu';
import { Toasts } from './ui/toast';
import { LibraryView } from './views/library/library_view';
import { MonitorView } from './views/monitor/monitor_view';
import { Player } from './views/player/player';
import { ShareDialogs } from './views/share/share_dialog';
import { SharedView } from './views/shared/shared_view';

async function signOut(): Promise<void> {
  if (await attempt(() => api.signOut())) {
    setSignedInHint(false);
    location.replace('/index.html');
  }
}

function Header() {
  return (
    <header class="header">
      <div class="header-inner">
        <a class="brand" href="#/library">
          <Logo />
          <span>Espotifai</span>
        </a>
        <nav class="nav" aria-label={t('nav.label')}>
          {VIEWS.map((name) => (
            <a
              key={name}
              href={`#/${name}`}
              aria-current={view.value === name ? 'page' : undefined}
            >
              {t(`nav.${name}`)}
            </a>
          ))}
        </nav>
        <Menu
          label={t('nav.account', { name: user.value?.username ?? '' })}
          button_class="button button-quiet account"
          button={
            <>
              <Icon name="person" />
              <span class="account-name">{user.value?.username}</span>
            </>
          }
        >
          <button type="button" onClick={signOut}>
            <Icon name="logout" />
            {t('nav.sign_out')}
          </button>
          <a href="/licenses.txt" target="_blank" rel="noopener">
            {t('nav.licences')}
          </a>
        </Menu>
      </div>
    </header>
  );
}

const VIEW_COMPONENTS = { library: LibraryView, shared: SharedView, monitor: MonitorView };

function App() {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(view.value);
  useEffect(() => {
    document.title = `${t(`nav.${view.value}`)} · Espotifai`;
    if (shown.current !== view.value) {
      shown.current = view.value;
      window.scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
  }, [view.value]);
  const Current = VIEW_COMPONENTS[view.value];
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t('nav.skip')}
      </a>
      <Header />
      <main id="main" class="main" tabIndex={-1} ref={main}>
        <Current />
      </main>
      <Player />
      <Toasts />
      <ShareDialogs />
      <Questions />
    </>
  );
}

function Unreachable({ message }: { message: string }) {
  return (
    <main class="main">
      <div class="empty" role="alert">
        <h1>{t('error.title')}</h1>
        <p>{message}</p>
        <button type="button" class="button button-main" onClick={() => location.reload()}>
          {t('common.retry')}
        </button>
      </div>
    </main>
  );
}

async function start(root: HTMLElement): Promise<void> {
  try {
    user.value = await api.me();
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    if (error.status !== 401) {
      render(<Unreachable message={error.message} />, root);
    }
    return;
  }
  setSignedInHint(true);
  render(<App />, root);
  void refreshLibrary();
  void refreshShared();
  startLive();
  window.addEventListener('beforeunload', (event) => {
    if (isUploading.value) {
      event.preventDefault();
    }
  });
}

applyLanguage();
setSessionLostHandler(leaveToSignIn);
const root = document.getElementById('root');
if (root) {
  void start(root);
}
