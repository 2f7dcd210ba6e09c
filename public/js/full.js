// @ts-check
// The page of a room that is full: says when there is a place.

import { awaitPlace } from './ending.js';
import { byId } from './page.js';

const screen = byId('full');
awaitPlace(location.pathname, screen, [screen.dataset['heading'] ?? '', screen.dataset['sentence'] ?? '']);
