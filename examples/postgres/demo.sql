-- The database of the example: createdb archdemo, then psql archdemo -f demo.sql
CREATE TABLE demo (
  uniqid  INT NOT NULL,
  message VARCHAR(100) NOT NULL,
  email   VARCHAR(100) NOT NULL,
  PRIMARY KEY (uniqid)
);
INSERT INTO demo (uniqid, message, email) VALUES
  (1, 'Have you tried a bigger teapot?', 'bramble@example.com'),
  (2, 'I only borrowed the moon', 'wick@example.com'),
  (3, 'Mind the third stair', 'bramble@example.com'),
  (4, 'That was not a door', 'tansy@example.com'),
  (5, 'My hat disagrees', 'wick@example.com'),
  (6, 'Soup first, heroics later', 'tansy@example.com'),
  (7, 'The map is upside down again', 'odo@example.com'),
  (8, 'I counted nine of us', 'bramble@example.com'),
  (9, 'Who taught the goat to whistle?', 'odo@example.com'),
  (10, 'It was quiet until it was not', 'wick@example.com'),
  (11, 'Never trust a tidy dragon', 'tansy@example.com'),
  (12, 'We are lost, but on time', 'odo@example.com'),
  (13, 'Somebody ate the evidence', 'bramble@example.com'),
  (14, 'The lantern has opinions', 'wick@example.com'),
  (15, 'Left is also a direction', 'tansy@example.com'),
  (16, 'And that is why we have umbrellas', 'odo@example.com');
