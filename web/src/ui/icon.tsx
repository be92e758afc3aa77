/* The page's own icons, drawn on a 24 x 24 grid with round strokes. Always decoration: the control
 * around an icon carries the words. */

const SHAPES = {
  play: <path d="M8 5.5v13l10.5-6.5z" fill="currentColor" />,
  pause: <path d="M8 5.5v13M16 5.5v13" stroke-width="3.5" />,
  close: <path d="M6 6l12 12M18 6L6 18" />,
  more: <path d="M12 5.5v.01M12 12v.01M12 18.5v.01" stroke-width="3.5" />,
  share: (
    <path d="M12 14.5v-10M8.5 8L12 4.5 15.5 8M6 12.500v5.500a1.5 1.5 0 0 0 1.5 1.500h9a1.5 1.5 0 0 0 1.5-1.500v-5.5" />
  ),
  download: <path d="M12 4.5v10M8.5 11.500L12 15l3.5-3.500M5 19.500h14" />,
  upload: <path d="M12 15.500v-10M8 9l4-4 4 4M5 19.500h14" />,
  trash: (
    <path d="M5 7h14M10 7V4.500h4V7M7 7l.8 12.500h8.400L17 7M10.5 10.500v5.500M13.5 10.500v5.5" />
  ),
  retry: <path d="M19 12a7 7 0 1 1-2.2-5.100M19 4v4h-4" />,
  edit: <path d="M5 19l.8-3.800L15.5 5.500l3 3L8.8 18.200z" />,
  music: (
    <path d="M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z" />
  ),
  film: (
    <path d="M4 6.500A1.5 1.5 0 0 1 5.5 5h13A1.5 1.5 0 0 1 20 6.500v11a1.5 1.5 0 0 1-1.5 1.500h-13A1.5 1.5 0 0 1 4 17.500zM10.2 9.300v5.400l4.300-2.700z" />
  ),
  volume: (
    <path d="M4.5 10v4H8l4 3.500v-11L8 10zM15.5 9.500a3.5 3.5 0 0 1 0 5M18 7a7 7 0 0 1 0 10" />
  ),
  mute: <path d="M4.5 10v4H8l4 3.500v-11L8 10zM16 10l4 4M20 10l-4 4" />,
  full: <path d="M4.5 9V4.500H9M15 4.500h4.500V9M19.5 15v4.500H15M9 19.500H4.500V15" />,
  down: <path d="M6 9.5l6 6 6-6" />,
  up: <path d="M6 14.5l6-6 6 6" />,
  back: <path d="M11 7l-5 5 5 5M18 7l-5 5 5 5" />,
  forward: <path d="M13 7l5 5-5 5M6 7l5 5-5 5" />,
  eye: (
    <path d="M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6zM14.5 12a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z" />
  ),
  eyeOff: (
    <path d="M4 4l16 16M9.900 6.300A9 9 0 0 1 12 6c5.5 0 9 6 9 6a16 16 0 0 1-2.5 3.100M6.300 8A16 16 0 0 0 3 12s3.5 6 9 6a9 9 0 0 0 3.5-.700M10.2 10.300a2.5 2.5 0 0 0 3.5 3.5" />
  ),
  link: (
    <path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.700l1-1" />
  ),
  person: (
    <path d="M15.5 8a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0zM5 19.500c.5-3.5 3-5.5 7-5.500s6.5 2 7 5.5" />
  ),
  logout: (
    <path d="M10 4.500H6A1.5 1.5 0 0 0 4.5 6v12A1.5 1.5 0 0 0 6 19.500h4M15 8l4 4-4 4M19 12H9.5" />
  ),
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      {SHAPES[name]}
    </svg>
  );
}

export function Logo() {
  return <img class="logo" src="/favicon.svg" alt="" width="32" height="32" />;
}
