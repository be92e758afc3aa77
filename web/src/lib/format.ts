/* Numbers and times as people read them. Pure: the language is a parameter. */

/* A number and its unit stay on one line. */
const NO_BREAK = '\u00a0';
const SIZE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** 1536 -> "1.5 KB". Decimal places only where they say something. */
export function formatBytes(bytes: number, language: string): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1000 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  const text = new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
  return `${text}${NO_BREAK}${SIZE_UNITS[unit]}`;
}

/** A position or a length: 65 -> "1:05", 3661 -> "1:01:01". Unknown lengths give "–:––". */
export function formatClock(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) {
    return '–:––';
  }
  const whole = Math.floor(seconds);
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = String(whole % 60).padStart(2, '0');
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/** The time that is left, rounded as one would say it: 4.2 -> "5 s", 100 -> "2 min", 4000 -> "1 h 7
 * min". */
export function formatTimeLeft(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) {
    return `${whole}${NO_BREAK}s`;
  }
  const minutes = Math.ceil(whole / 60);
  if (minutes < 60) {
    return `${minutes}${NO_BREAK}min`;
  }
  const rest = minutes % 60;
  const hours = `${Math.floor(minutes / 60)}${NO_BREAK}h`;
  return rest === 0 ? hours : `${hours}${NO_BREAK}${rest}${NO_BREAK}min`;
}

/** Progress 0..1 -> "0%".."100%"; 100 only when it is really complete. */
export function formatPercent(progress: number, language: string): string {
  const clamped = Math.min(1, Math.max(0, progress));
  const percent = clamped === 1 ? 100 : Math.min(99, Math.floor(clamped * 100 + 1e-9));
  return new Intl.NumberFormat(language, { style: 'percent' }).format(percent / 100);
}

/** Times real time: 12.34 -> "12.3×". */
export function formatSpeed(speed: number, language: string): string {
  const digits = speed >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(speed)}×`;
}

export function formatDate(timestamp: string, language: string): string {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) {
    return '';
  }
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(date);
}

/** Facts in a row, the dot kept with what stands before it: "5 MB · 0:40". What is empty is left
 * out. */
export function joinFacts(facts: readonly (string | number | null | undefined | false)[]): string {
  return facts.filter(Boolean).join(`${NO_BREAK}· `);
}

/** A file name for a conversion: "Song.flac" and "mp3" -> "Song.mp3". */
export function outputFilename(original_filename: string, extension: string): string {
  const dot = original_filename.lastIndexOf('.');
  const stem = dot > 0 ? original_filename.slice(0, dot) : original_filename;
  return `${stem}.${extension}`;
}
