SELECT found, NULL::boolean AS known FROM croft_reset_find($1::text)
