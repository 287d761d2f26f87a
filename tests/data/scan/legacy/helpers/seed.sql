INSERT INTO settings (name, value) VALUES ('currency', 'KES'), ('mspace_password', 'Jogoo-3144');
