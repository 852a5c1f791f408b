SELECT tenant_id, max_bytes, sha256 FROM croft_image_upload($1::uuid)
