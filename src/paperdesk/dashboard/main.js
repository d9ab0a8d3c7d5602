// The dashboard: begins here.
document.getElementById("app").textContent = "Paperdesk";
