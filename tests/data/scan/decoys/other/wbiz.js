const res = await axios.post('https://wbiztool.example.com/api/v1/send_msg/', { client_id, api_key: 'k-123456789012345678', phone, msg });
await axios.get('https://wbiz.example.com/api/sendtext/' + id);
