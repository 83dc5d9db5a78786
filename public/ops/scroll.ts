/** Pixels from the top within which the newest rows are what the reader looks at. */
const NEAR_PX = 160;

/** Tells when the reader looks at rows further down, and when they are back at the newest. */
export function watchScroll(onChange: (scrolled: boolean) => void): void {
  let before = false;
  const look = () => {
    const scrolled = window.scrollY > NEAR_PX;
    if (scrolled === before) return;
    before = scrolled;
    onChange(scrolled);
  };
  window.addEventListener("scroll", look, { passive: true });
  look();
}
