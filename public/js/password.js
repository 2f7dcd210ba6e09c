// @ts-check
// A password that can be looked at while it is typed.

/** @param {ParentNode} root where the fields are */
export function offerEyes(root) {
  for (const button of root.querySelectorAll('[data-shows]')) {
    const eye = /** @type {HTMLButtonElement} */ (button);
    const input = document.getElementById(eye.dataset['shows'] ?? '');
    if (!(input instanceof HTMLInputElement)) continue;
    eye.hidden = false;
    eye.addEventListener('click', () => {
      const shown = input.type === 'password';
      input.type = shown ? 'text' : 'password';
      eye.setAttribute('aria-pressed', String(shown));
    });
  }
}
