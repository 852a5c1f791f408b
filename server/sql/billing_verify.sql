SELECT kind, subject, resource, stored, actual FROM croft_verify_billing()
