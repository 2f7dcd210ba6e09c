-- The number of the join: who has been in a room longest takes it over from an owner who leaves.
ALTER TABLE roster ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
