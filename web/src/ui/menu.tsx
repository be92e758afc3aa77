/* A button that opens a short list of actions. A disclosure rather than an ARIA menu: the entries
 * are ordinary buttons and links, reached by Tab and by the arrow keys; Escape closes. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

interface MenuProps {
  label: string;
  button_class: string;
  button: ComponentChildren;
  children: ComponentChildren;
}

export function Menu({ label, button_class, button, children }: MenuProps) {
  const [is_open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);

  const entries = () =>
    Array.from(
      root.current?.querySelectorAll<HTMLElement>('.menu-list button, .menu-list a') ?? [],
    );

  useEffect(() => {
    if (!is_open) {
      return undefined;
    }
    const closeOutside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) {
        setOpen(false);
      }
    };
    document.addEventListener('pointerdown', closeOutside);
    document.addEventListener('focusin', closeOutside);
    entries()[0]?.focus();
    return () => {
      document.removeEventListener('pointerdown', closeOutside);
      document.removeEventListener('focusin', closeOutside);
    };
  }, [is_open]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (!is_open) {
      return;
    }
    if (event.key === 'Escape') {
      setOpen(false);
      opener.current?.focus();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const list = entries();
      const place = list.indexOf(document.activeElement as HTMLElement);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      list[(place + step + list.length) % list.length]?.focus();
    }
  };

  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class={button_class}
        ref={opener}
        aria-label={label}
        aria-expanded={is_open}
        onClick={() => setOpen(!is_open)}
      >
        {button}
      </button>
      {is_open && (
        <div
          class="menu-list"
          onClick={() => {
            opener.current?.focus();
            setOpen(false);
          }}
        >
          {children}
        </div>
      )}
    </div>
  );
}
