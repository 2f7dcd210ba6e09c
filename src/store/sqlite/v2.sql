-- The number of the join: who has been in a room longest takes it over from an owner who leaves.
ALTER TABLE roster ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- Ids begin with the time: with the id first the newest stand together at the end of the index, also
-- when many rooms are spoken in. With the room first each room touched a page of its own.
DROP INDEX messages_by_id;
CREATE UNIQUE INDEX messages_by_id ON messages (id, room);
