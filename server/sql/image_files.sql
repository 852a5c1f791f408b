SELECT croft_image_files($1::jsonb) AS reply
