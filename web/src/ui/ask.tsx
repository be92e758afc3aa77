/* Questions before something that cannot be undone, and for one line of text. */
import { signal } from '@preact/signals';
import { useId, useState } from 'preact/hooks';
import { t } from '../i18n';
import { Dialog } from './dialog';

interface Question {
  title: string;
  text?: string;
  action: string;
  /** With an input line, its first value; the answer is then its text. */
  input?: { label: string; value: string };
  is_dangerous?: boolean;
  answer: (value: string | null) => void;
}

const question = signal<Question | null>(null);

function ask(details: Omit<Question, 'answer'>): Promise<string | null> {
  return new Promise((resolve) => {
    question.value = {
      ...details,
      answer: (value) => {
        question.value = null;
        resolve(value);
      },
    };
  });
}

export async function askToConfirm(title: string, text: string, action: string): Promise<boolean> {
  return (await ask({ title, text, action, is_dangerous: true })) !== null;
}

/** The text, trimmed; null when it was left empty or unchanged, or the question was closed. */
export async function askForText(
  title: string,
  label: string,
  value: string,
  action: string,
): Promise<string | null> {
  const text = (await ask({ title, action, input: { label, value } }))?.trim();
  return text && text !== value ? text : null;
}

function QuestionForm({ asked }: { asked: Question }) {
  const [value, setValue] = useState(asked.input?.value ?? '');
  const input_id = useId();
  return (
    <Dialog title={asked.title} onClose={() => asked.answer(null)}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          asked.answer(value);
        }}
      >
        {asked.text && <p>{asked.text}</p>}
        {asked.input && (
          <div class="field">
            <label for={input_id}>{asked.input.label}</label>
            <input
              id={input_id}
              type="text"
              maxLength={255}
              value={value}
              onInput={(event) => setValue(event.currentTarget.value)}
            />
          </div>
        )}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={() => asked.answer(null)}>
            {t('common.cancel')}
          </button>
          <button
            type="submit"
            class={asked.is_dangerous ? 'button button-bad' : 'button button-main'}
          >
            {asked.action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function Questions() {
  return question.value && <QuestionForm asked={question.value} />;
}
