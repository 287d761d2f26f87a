const endpoint = 'https://api.mspace.co.ke/smsapi/v2/sendtext';
const url = `${endpoint}/apikey=${apiKey}/username=${username}/senderId=${senderId}/recipient=${to}/message=${encodeURIComponent(message)}`;
fetch(url);
fetch(`https://api.mspace.co.ke/smsapi/v2/balance/apikey=${apiKey}/username=${username}`);
