const url = `/login?username=${u}&password=${p}`;
router.get('/login/:username/:password', login);
const body = "username=" + u + "&password=" + p;
