// @ts-check
// Small helps of the forms: show a password, send only once.

for (const button of document.querySelectorAll('[data-shows]')) {
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

for (const form of document.forms) {
  form.addEventListener('submit', (event) => {
    if (form.dataset['sent']) event.preventDefault();
    form.dataset['sent'] = 'true';
  });
}

// Coming back by the back button, the form may be sent again.
addEventListener('pageshow', () => {
  for (const form of document.forms) delete form.dataset['sent'];
});
