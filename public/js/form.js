// @ts-check
// Small helps of the forms: show a password, send only once.

import { offerEyes } from './password.js';

offerEyes(document);

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
