const auth = `username=${encodeURIComponent(U)}/password=${encodeURIComponent(P)}`;
export const login = () => fetch(`${BASE}/login/${auth}`);
export const topUp = (name, n) => fetch(`${BASE}/subacctopup/${auth}/subaccname=${encodeURIComponent(name)}/noofsms=${n}`);
