-- The size of an image, in pixels, and whether it moves. Older messages do not say.
ALTER TABLE messages ADD COLUMN width INTEGER;
ALTER TABLE messages ADD COLUMN height INTEGER;
ALTER TABLE messages ADD COLUMN animated INTEGER NOT NULL DEFAULT 0;
