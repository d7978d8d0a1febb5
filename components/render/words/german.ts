import type { Words } from "./words.ts";

/** German. */
export const german: Words = {
  contact: "die Betreuung dieser Website",
  signInFailed: {
    title: "Anmeldung",
    refused: "Ihr Konto hat keinen Zugriff auf diese Website",
    expired: [
      "Diese Anmeldung ist abgelaufen",
      (goOn) =>
        `Eine Anmeldung muss innerhalb einer halben Stunde abgeschlossen werden, und Ihr Browser merkt sich nur die letzten. ${goOn("Weiter")}; möglicherweise müssen Sie sich noch einmal anmelden. Wenn Sie immer wieder hier landen, blockiert Ihr Browser die Cookies dieser Website.`,
    ],
    cancelled: [
      "Sie sind nicht angemeldet",
      (again) =>
        `Die Anmeldung wurde abgebrochen, oder Microsoft hat sie nicht zugelassen. ${again("Anmelden")}.`,
    ],
    entraUnavailable: [
      "Die Anmeldung bei Microsoft ist derzeit nicht verfügbar",
      (again) =>
        `Das liegt weder an Ihnen noch an dieser Website. ${again("Versuchen Sie es")} in einer Minute noch einmal.`,
    ],
    other: [
      "Die Anmeldung ist fehlgeschlagen",
      (again) => `Das liegt nicht an Ihnen. ${again("Noch einmal versuchen")}.`,
    ],
    quote: "Geben Sie das an, wenn Sie um Hilfe bitten:",
  },
  footer: (domain, { emailDomains, byGroup, byRole }, signOut, contact) => {
    const conditions = [
      ...(emailDomains.length > 0 ? [`deren Konto auf ${emailDomains.join(" oder ")} endet`] : []),
      ...(byGroup ? ["die zu einer Gruppe mit Zugriff gehören"] : []),
      ...(byRole ? ["die dort eine Rolle haben"] : []),
    ];
    return `${domain} steht allen offen, ${conditions.join(" und ")}. Um ein anderes Konto zu verwenden, ${signOut("melden Sie sich ab")}. Wenn Sie Hilfe brauchen, fragen Sie ${contact}.`;
  },
  forbidden: (domain, by, start, signOut, contact) => ({
    title: `Kein Zugriff · ${domain}`,
    heading: `Ihr Konto hat keinen Zugriff auf diesen Teil von ${domain}`,
    paragraphs: [
      `Dafür ist ${by === "role" ? "eine Rolle nötig, die Ihr Konto nicht hat" : "eine Gruppe nötig, zu der Ihr Konto nicht gehört"}. ${start("Zur Startseite")}, oder, wenn Sie ein anderes Konto haben, ${signOut("melden Sie sich ab")} und verwenden Sie dieses. Wenn Sie Zugriff haben sollten, fragen Sie ${contact}; neue Rechte gelten ab Ihrer nächsten Anmeldung.`,
    ],
  }),
  badRequest: (domain, start, contact) => ({
    title: `Ungültige Adresse · ${domain}`,
    heading: `${domain} nimmt diese Adresse nicht an`,
    paragraphs: [
      `Manche Teile dieser Website sind geschützt. Diese Adresse ist mehrdeutig: Wegen eines kodierten oder doppelten Schrägstrichs, eines „;“ oder „..“ könnte sie auch einen davon meinen. ${start("Gehen Sie zur Startseite")} und suchen Sie die Seite von dort aus.`,
      `Wenn ein Link oder ein Programm, das Sie brauchen, hierher führt, wenden Sie sich an ${contact} und geben Sie die Adresse und die Nummer unten an.`,
    ],
  }),
  unavailable: (domain, contact) => ({
    title: `Nicht verfügbar · ${domain}`,
    heading: `${domain} ist derzeit nicht verfügbar`,
    paragraphs: [
      `Das liegt nicht an Ihnen. Versuchen Sie es in einer Minute noch einmal. Wenn das Problem bleibt, wenden Sie sich an ${contact} und geben Sie die Nummer unten an.`,
    ],
  }),
  blocked: (domain, contact) => ({
    title: `Zugriff entzogen · ${domain}`,
    heading: `Ihr Zugriff auf ${domain} wurde entzogen`,
    paragraphs: [
      `Ihr Konto ist auf dieser und auf anderen Websites gesperrt. Eine neue Anmeldung ändert daran nichts. Wenn Sie das für einen Irrtum halten, wenden Sie sich an ${contact} und geben Sie die Nummer unten an.`,
    ],
  }),
  expired: (domain, start, signOut, contact) => ({
    title: `Zugriff beendet · ${domain}`,
    heading: `Ihr Zugriff auf diesen Teil von ${domain} ist beendet`,
    paragraphs: [
      `Er war bis zu einem Tag erteilt, der vorbei ist. Eine neue Anmeldung ändert daran nichts. ${start("Gehen Sie zur Startseite")} oder, falls Sie ein anderes Konto haben, ${signOut("melden Sie sich ab")} und verwenden Sie dieses. Wenn Sie den Zugriff weiterhin brauchen, wenden Sie sich an ${contact} und geben Sie die Nummer unten an.`,
    ],
  }),
  tooMany: (domain, again, contact) => ({
    title: `Zu viele Anmeldungen · ${domain}`,
    heading: "Zu viele Anmeldungen aus Ihrem Netz",
    paragraphs: [
      `Warten Sie eine Minute und ${again("versuchen Sie es noch einmal")}. Wenn Ihnen das ohne Grund passiert, wenden Sie sich an ${contact} und geben Sie die Nummer unten an.`,
    ],
  }),
  maintenance: (domain, message, contact) => ({
    title: `Wartung · ${domain}`,
    heading: `${domain} ist wegen Wartung geschlossen`,
    paragraphs: [message, `Wenn Sie Fragen haben, wenden Sie sich an ${contact}.`],
  }),
  signedOut: (domain, signIn) => ({
    title: `Abgemeldet · ${domain}`,
    heading: `Sie sind von ${domain} abgemeldet`,
    paragraphs: [signIn("Wieder anmelden")],
  }),
  begin: (domain, signIn) => ({
    title: `Anmeldung · ${domain}`,
    heading: `Anmeldung bei ${domain}`,
    paragraphs: [signIn("Anmelden")],
  }),
  signedIn: (domain, goOn) => ({
    title: `Anmeldung · ${domain}`,
    heading: `Sie sind bei ${domain} angemeldet`,
    paragraphs: [goOn("Weiter")],
  }),
  notSaved: (domain, signIn) => ({
    title: `Nicht gespeichert · ${domain}`,
    heading: `Sie sind nicht mehr bei ${domain} angemeldet`,
    text: "Was Sie gerade abgeschickt haben, wurde nicht gespeichert. Ihr Browser hat es noch:",
    steps: [
      `${signIn("Melden Sie sich an")}, in einem neuen Tab.`,
      "Kehren Sie zu diesem Tab zurück und laden Sie ihn neu. Fragt Ihr Browser, ob er das Formular noch einmal senden soll, bestätigen Sie das.",
    ],
  }),
};
