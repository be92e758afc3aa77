/* The page's words, in the browser's language: Spanish or English, and English for all others. */
import { en } from './en';
import { es } from './es';

export type TextKey = keyof typeof en;

const DICTIONARIES: Record<string, Record<TextKey, string>> = { en, es };

/** The first of the wanted languages that we have. */
export function chooseLanguage(wanted: readonly string[]): string {
  for (const tag of wanted) {
    const [primary = ''] = tag.toLowerCase().split('-');
    if (primary in DICTIONARIES) {
      return primary;
    }
  }
  return 'en';
}

export const language = chooseLanguage(navigator.languages);
const dictionary = DICTIONARIES[language] ?? en;

export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  return dictionary[key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  );
}

export function applyLanguage(): void {
  document.documentElement.lang = language;
}
