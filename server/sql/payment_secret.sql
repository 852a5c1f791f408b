SELECT secret FROM croft_payment_secret($1::uuid)
WHERE secret IS NOT NULL
