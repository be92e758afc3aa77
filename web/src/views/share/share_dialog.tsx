/* Who else may play a conversion: people of this server, and whoever holds a link. */
import { signal } from '@preact/signals';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../../api';
import type { Media, Share, User } from '../../api';
import { t } from '../../i18n';
import { joinFacts } from '../../lib/format';
import { mediaTitle } from '../../state/library';
import { attempt, library, refreshMedia } from '../../state/store';
import { Dialog } from '../../ui/dialog';
import { Icon } from '../../ui/icon';
import { showMessage } from '../../ui/toast';

const SUGGEST_DELAY_MS = 200;

const opened = signal<{ media_id: string; job_id: string } | null>(null);

export function openShareDialog(media_id: string, job_id: string): void {
  opened.value = { media_id, job_id };
}

/** People whose names begin with what was typed. */
function useSuggestions(text: string): User[] {
  const [users, setUsers] = useState<User[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    const timer = window.setTimeout(() => {
      api.users(text.trim(), stop.signal).then(setUsers, (error: unknown) => {
        /* Suggestions are a help, not a need: the name can be typed in full. */
        if (!(error instanceof ApiError || error instanceof DOMException)) {
          throw error;
        }
      });
    }, SUGGEST_DELAY_MS);
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  return users;
}

function PersonForm({ media_id, job_id }: { media_id: string; job_id: string }) {
  const [name, setName] = useState('');
  const [message, setMessage] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const users = useSuggestions(name);
  const id = useId();

  const submit = async (event: Event) => {
    event.preventDefault();
    setMessage('');
    try {
      await api.shareWithUser(media_id, job_id, name.trim());
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      setMessage(error.message);
      input.current?.focus();
      return;
    }
    showMessage(t('share.done', { name: name.trim() }));
    setName('');
    await refreshMedia(media_id);
  };

  return (
    <form class="field" onSubmit={submit}>
      <label for={id}>{t('share.person')}</label>
      <div class="row">
        <input
          ref={input}
          id={id}
          type="text"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          list={`${id}-list`}
          placeholder={t('share.person_hint')}
          value={name}
          aria-invalid={message !== ''}
          aria-describedby={`${id}-error`}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <datalist id={`${id}-list`}>
          {users.map((user) => (
            <option key={user.id} value={user.username} />
          ))}
        </datalist>
        <button type="submit" class="button button-main" disabled={!name.trim()}>
          {t('job.share')}
        </button>
      </div>
      <p class="field-error" id={`${id}-error`} role="alert">
        {message}
      </p>
    </form>
  );
}

function Recipients({ media, job_id }: { media: Media; job_id: string }) {
  const shares = (media.shares ?? []).filter((share) => share.job_id === job_id);
  if (shares.length === 0) {
    return null;
  }
  const remove = async (share: Share) => {
    const username = share.username ?? share.user_id;
    if (await attempt(() => api.unshareWithUser(media.id, job_id, username))) {
      await refreshMedia(media.id);
    }
  };
  return (
    <ul class="people" aria-label={t('share.people')}>
      {shares.map((share) => (
        <li key={share.user_id}>
          <Icon name="person" />
          <span>{share.username ?? share.user_id}</span>
          <button type="button" class="button button-small" onClick={() => remove(share)}>
            {t('share.remove')}
          </button>
        </li>
      ))}
    </ul>
  );
}

function LinkForm({ media_id, job_id }: { media_id: string; job_id: string }) {
  const [link, setLink] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const id = useId();

  const copy = async (text: string) => {
    try {
      await navigator.clipboard.writeText(text);
      showMessage(t('share.copied'));
    } catch {
      /* No clipboard without a secure address: the text is selected, ready to be copied by hand. */
      field.current?.select();
    }
  };
  const create = () =>
    attempt(async () => {
      const { url } = await api.createLink(media_id, job_id);
      setLink(new URL(url, location.href).href);
    });
  const revoke = async () => {
    if (await attempt(() => api.revokeLinks(media_id))) {
      setLink('');
      showMessage(t('share.revoked'));
    }
  };

  return (
    <section class="field" aria-labelledby={id}>
      <h3 id={id}>{t('share.link')}</h3>
      <p class="muted">{t('share.link_text')}</p>
      {link ? (
        <div class="row">
          <input
            ref={field}
            type="text"
            readOnly
            value={link}
            aria-labelledby={id}
            onFocus={(event) => event.currentTarget.select()}
          />
          <button type="button" class="button button-main" onClick={() => copy(link)}>
            {t('share.copy')}
          </button>
        </div>
      ) : (
        <button type="button" class="button" onClick={create}>
          <Icon name="link" />
          {t('share.create_link')}
        </button>
      )}
      <button type="button" class="button-link" onClick={revoke}>
        {t('share.revoke')}
      </button>
    </section>
  );
}

export function ShareDialogs() {
  const target = opened.value;
  const media = library.value.items.find((item) => item.id === target?.media_id);
  if (!target || !media) {
    return null;
  }
  return (
    <Dialog title={t('share.title')} onClose={() => (opened.value = null)}>
      <div class="stack">
        <p class="muted">
          {joinFacts([mediaTitle(media), media.jobs[target.job_id]?.target.toUpperCase()])}
        </p>
        <PersonForm {...target} />
        <Recipients media={media} job_id={target.job_id} />
        <hr />
        <LinkForm {...target} />
      </div>
    </Dialog>
  );
}
