/* One form for both: signing in, and making an account (which signs in at once). */
import { useId, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../../api';
import { t } from '../../i18n';
import { Icon, Logo } from '../../ui/icon';

const USERNAME_MIN = 3;
const USERNAME_MAX = 64;
const PASSWORD_MIN = 8;

type FieldName = 'username' | 'password';
type FieldErrors = Partial<Record<FieldName, string>>;

/** What the server would refuse anyway, said before asking it. */
function checkNewAccount(username: string, password: string): FieldErrors {
  const errors: FieldErrors = {};
  if (username.length < USERNAME_MIN || username.length > USERNAME_MAX) {
    errors.username = t('signin.username_rule', { min: USERNAME_MIN, max: USERNAME_MAX });
  }
  if (new TextEncoder().encode(password).length < PASSWORD_MIN) {
    errors.password = t('signin.password_rule', { min: PASSWORD_MIN });
  }
  return errors;
}

function fieldErrorsOf(error: ApiError): FieldErrors {
  const errors: FieldErrors = {};
  for (const { field, detail } of error.errors) {
    if (field === 'username' || field === 'password') {
      errors[field] ??= detail;
    }
  }
  return errors;
}

export function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const [is_new, setNew] = useState(false);
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [is_shown, setShown] = useState(false);
  const [is_busy, setBusy] = useState(false);
  const [message, setMessage] = useState('');
  const [field_errors, setFieldErrors] = useState<FieldErrors>({});
  const form = useRef<HTMLFormElement>(null);
  const id = useId();

  const report = (errors: FieldErrors, text: string) => {
    setFieldErrors(errors);
    setMessage(text);
    const first = errors.username ? 'username' : 'password';
    if (text || errors[first]) {
      form.current?.querySelector<HTMLInputElement>(`[name=${first}]`)?.focus();
    }
  };

  const submit = async (event: Event) => {
    event.preventDefault();
    const name = username.trim();
    const wrong = is_new ? checkNewAccount(name, password) : {};
    if (Object.keys(wrong).length > 0) {
      report(wrong, '');
      return;
    }
    setBusy(true);
    report({}, '');
    try {
      if (is_new) {
        await api.register(name, password);
      }
      await api.signIn(name, password);
      onSignedIn();
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      const errors = fieldErrorsOf(error);
      report(errors, Object.keys(errors).length > 0 ? '' : error.message);
    } finally {
      setBusy(false);
    }
  };

  const error_id = (field: FieldName) => (field_errors[field] ? `${id}-${field}-error` : undefined);
  const fieldError = (field: FieldName) =>
    field_errors[field] && (
      <p class="field-error" id={error_id(field)}>
        {field_errors[field]}
      </p>
    );

  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <div class="brand">
          <Logo />
          <span>Espotifai</span>
        </div>
        <h1>{is_new ? t('signin.new_title') : t('signin.title')}</h1>
        <p class="muted">{t('signin.promise')}</p>
        <form ref={form} class="stack" noValidate onSubmit={submit}>
          <p class="form-error" role="alert">
            {message}
          </p>
          <div class="field">
            <label for={`${id}-username`}>{t('signin.username')}</label>
            <input
              id={`${id}-username`}
              name="username"
              type="text"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              required
              maxLength={USERNAME_MAX}
              value={username}
              aria-invalid={!!field_errors.username}
              aria-describedby={error_id('username')}
              onInput={(event) => setUsername(event.currentTarget.value)}
            />
            {fieldError('username')}
          </div>
          <div class="field">
            <label for={`${id}-password`}>{t('signin.password')}</label>
            <div class="field-with-button">
              <input
                id={`${id}-password`}
                name="password"
                {...(is_shown ? { type: 'text' as const } : { type: 'password' as const })}
                autocomplete={is_new ? 'new-password' : 'current-password'}
                required
                value={password}
                aria-invalid={!!field_errors.password}
                aria-describedby={error_id('password')}
                onInput={(event) => setPassword(event.currentTarget.value)}
              />
              <button
                type="button"
                class="button-icon"
                aria-pressed={is_shown}
                aria-label={t('signin.show_password')}
                onClick={() => setShown(!is_shown)}
              >
                <Icon name={is_shown ? 'eyeOff' : 'eye'} />
              </button>
            </div>
            {fieldError('password')}
          </div>
          <button
            type="submit"
            class="button button-main button-wide"
            disabled={is_busy || !username.trim() || !password}
          >
            {is_new ? t('signin.create') : t('signin.enter')}
          </button>
        </form>
        <p class="sign-in-switch">
          {is_new ? t('signin.have_account') : t('signin.no_account')}{' '}
          <button
            type="button"
            class="button-link"
            onClick={() => {
              setNew(!is_new);
              report({}, '');
            }}
          >
            {is_new ? t('signin.to_enter') : t('signin.to_create')}
          </button>
        </p>
      </div>
    </main>
  );
}
