const MSPACE_URL = "https://api.mspace.co.ke/smsapi/v2/sendtext";
const MSPACE_KEY = process.env.MSPACE_API_KEY;
const headers = { "Content-Type": "application/json", apikey: MSPACE_KEY };
export const send = (payload: object) => axios.post(MSPACE_URL, payload, { headers });
switch (operation) { case 'subusers': return `${base}/subusers`; case 'balance': return `${base}/balance`; }
