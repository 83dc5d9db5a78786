import { html } from "htm/preact";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface ModalProps {
  readonly title: string;
  readonly children?: ComponentChildren;
  onClose(): void;
}

/**
 * A dialog over the page: the browser's own, so that the focus stays in it, goes back where it was, and Esc closes it. A click
 * beside it does too.
 */
export function Modal({ title, children, onClose }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const onClick = (event: MouseEvent) => {
    if (event.target === dialog.current) onClose();
  };
  return html`
    <dialog ref=${dialog} class="dialog" aria-labelledby="dialog-title" onClose=${onClose} onClick=${onClick}>
      <div class="dialog-box">
        <header class="dialog-head">
          <h2 id="dialog-title">${title}</h2>
          <button class="icon-button" type="button" aria-label="Close" onClick=${onClose}>
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8M12 4l-8 8" /></svg>
          </button>
        </header>
        ${children}
      </div>
    </dialog>
  `;
}
