-- How many entries each commune has, for the map: read without the texts.
CREATE INDEX directory_entry_place ON directory_entry (place, latitude_e5, longitude_e5)
    WHERE point <> 0;
-- "From which department or commune?": a commune by its INSEE code.
CREATE INDEX place_insee ON place (insee) WHERE insee <> '';
