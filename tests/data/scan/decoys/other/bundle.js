function sign(u,p){return fetch("/api/login/username="+u+"/password="+p)}
