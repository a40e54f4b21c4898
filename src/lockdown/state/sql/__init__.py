"""The store's statements, in SQL that SQLite and PostgreSQL both speak. Importing it costs SQLAlchemy's 300 ms."""
