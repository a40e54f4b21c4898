"""The words by which subjects are told, in two dozen languages. Words only: what follows is said in `schemes`.

A star stands for any ending; a hyphen for a hyphen or a space. A word may belong to several subjects.
"""

from __future__ import annotations

from enum import StrEnum


class Concept(StrEnum):
    """One thing that letters speak of."""

    ACCOUNT = "an account or mailbox"
    SECRET = "a password or identity"
    CONFIRM = "confirming, signing in or renewing"
    LOSS = "being locked out, or losing something"
    DEADLINE = "hurry"
    DOCUMENT = "a document or message to look at"
    PARCEL = "a parcel"
    FEE = "a fee or customs"
    PAY = "paying"
    CARD = "a bank card or bank data"
    BANK = "a bank account"
    CHANGED = "something new or changed"
    REFUND = "a refund or tax"
    SECRECY = "discretion, or not being reachable"
    GIFT_CARDS = "gift cards"
    BUY = "buying or codes"
    CANCEL = "cancelling a charge"
    PLAN = "a subscription or order"
    CALL = "calling"
    SHAME = "recordings or spying"
    THREAT = "police, publishing, attacks"
    COINS = "coins and wallets"
    FORTUNE = "a fortune of strangers"
    MILLIONS = "large sums"
    CONTACT = "sending one's personal data"
    PRIZE = "a prize or present"
    SURVEY = "a survey or claim"
    EARN = "easy earnings"
    JOB = "a job from home"
    MESSENGER = "another messenger"
    LOAN = "a loan"
    DATING = "lonely hearts"
    ROMANCE = "men and women"
    PILLS = "pills and slimming"
    GAMBLING = "gambling"
    COPIES = "replicas"
    SEO = "search ranking, web design and lists of addresses"
    SALE = "a sale at a throw-away price"
    STAFF = "salary and staff"
    INFECTED = "a virus on the computer"
    CHARITY = "charity"
    TITLE = "who is in charge"
    VIEW = "looking at it"


_C = Concept
LEXICON = {
    _C.ACCOUNT: """
        account account's accounts adresse app apple-id banking bankkarte boite boîte brukerkonto buzones buzón
        caixa card cards carte casella client client's cliente compte comptes cont conta contas conto contul
        credential cuenta cuentas cutia debitkarte device devices dienst domain domaine domaines domein domena
        domeny dominio domínio e-mail-account e-mail-konto e-mailkonto e-post e-wallet emailadresse enrol* epost
        espace espace-client fiók* girokonto hesab* hosting hébergement inbox karta karte klant klantaccount konta
        konto kontodaten konton kontos kontot kreditkarte kundenbereich kundendaten kundenkonto* kundennummer line
        logowan* mail-box mailaccount mailbox* mailserver membership messagerie* onedrive online-banking
        onlinebanking perfil poczta poczty portal posta postafiók* postfach* postvak* poštovn* profil profile
        rachunk* rekening schránk* service servicio servizio sesión session sessão sim skrzynk* sparkonto
        sähköpost* tarjeta tarjetahabiente telefonnummer tenant tili tilin usager user user-account username users
        usuario utente wallet webmail zahlungsart zugang* účet účtu λογαριασμ* аккаунт* клиент* обліков* подписк*
        почтов* профил* скриньк* учетн* учётн* ящик* الحساب お客様 ご利用 アカウント カード サービス メール
        メールボックス ユーザー 会员 会員 信箱 帐号 帐户 帳戶 帳號 用户 电子邮件 网银 账号 账戶 账户 邮箱 郵箱
        顧客 계정 메일함
        """,
    _C.SECRET: """
        2fa accesso adgangskode anmeldedaten app-freigabe autenticación autenticazione autenticação autentificare
        authenticat* authenticatie authentification bankid bejelentkez* biometr* carte-vitale clave claves
        codeword connecter connectez connexion contraseña* credencial* credential* credenzial* digid doğrulama
        factor freigabe giriş hasła hasłem hasło hesla heslo identidad identifiant* identiteit identitet* identity
        identità identität* identité iniciar inicio-de-sesión inloggegevens itoken jelszav* jelszó* kennwort*
        kimlik kyc log-in login logins logon lösenord* mfa mnemonic mot-de-passe parola parolă passcode* passe
        passord password* passwort* phrase pin pincode private-key pushtan přihláš* recovery recovery-phrase
        salasana* securipass securite seed senha senhas sign-in signin sms-code spid sécurité tan token tożsamość*
        tunnistau* two-factor two-step uwierzytelni* verificatiecode wachtwoord* zugangsdaten şifre* şifreniz
        κωδικ* личност* парол* كلمة パスワード ログイン 口令 密码 密碼 暗証番号 本人確認 登錄 登陆 認証 認証番号
        身份 验证码 비밀번호
        """,
    _C.CONFIRM: """
        aanvraag aanvragen acceda acceder accedere acessar acknowledge activar activate activation activeer
        activer activeren actualice actualiz* actualización actualizați aggiorna* aggiorni aktivier* aktivierung
        aktualisier* aktualizacj* aktualizuj* aktywacj* anfordern anmelden anpassen appeal apply ativar atualiz*
        atualização authenticate authentifi* authorize avoid-suspension beantragen beibehalten bekräfta bekräfte
        bekræft* bestätig* bestätigung bevestig* bijgewerkt bijwerken choose collegare complete completi compléter
        complétez comprobación comprobar conferma* confermi confirm confirm* confirma* confirmation confirmação
        confirmați confirme confirmed connect conservar continue continuer controleer* convalid* demander
        desbloque* desbloquear doğrula* débloqu* eingeben einloggen enrol* enroll* enter entsperr* ergänzen
        erneuer* erneut erweitern erősítse fix fortfahren freigeben freischalt* frissít* geben gestionar gestione
        güncelle* habilitar herstel* hinterlegen inloggen keep link megerősít* mettre mise-à-jour nachweis obnov*
        odblokuj* onayla* oppdater ověř* potvrď* potwierd* potwierdzeni* poursuivre proceed procéd* prüfen
        päivitä* re-enable re-enrol* re-enroll* re-register re-verify reactiv* reactivate reactivation reaktivier*
        reativ* rectify register regulariz* release relink renew renewal renouvel* renouvell* renovar requerir
        request resolve restablec* restore retain retrieve revalidate revalidation review revise reînnoi* riattiv*
        riattivare riattivazione richiedere ripristin* réactiv* réactivation régularis* rétabl* sblocca* secure
        sincroniz* solicitar solve submit sync synchronis* synchroniz* unlock update updating upgrade uppdatera
        vahvista* validación validar validate validated validation valide valideer valider validez verifi*
        verifica* verificación verification verificați verifichi verified verifieer* verifiera verifique
        verifizier* verify verifying verknüpft verlängern vernieuw* vervollständig* vérifi* vérification weryfik*
        weryfikacj* whitelist wiederherstell* wniosk* yenile* zaktualizuj* zaloguj* zweryfikuj* überprüf*
        επιβεβαι* активир* верификац* восстанов* обнов* подтверд* провер* підтверд* уточн* お手続き ご確認
        アクセス 再開 办理 升级 处理 备案 完善 手続き 更新 核实 激活 申领 登录 确认 確認 解除 認証 驗證 验证 인증
        확인
        """,
    _C.LOSS: """
        abgelaufen* abgelehnt ablauf afgesloten anomal* anomalo anómal* apagad* askıya attempts auffällig*
        avstäng* belegt beperkt* beschränk* blocat blocc* bloccat* block blocked blockiert* blokad* bloqu* bloque*
        bloquead* bloqueio bloqueo bounced breach caduc* cancelación cancelad* cancell* cerrad* closed closure
        clôtur* compromess* compromised coupure deactivat* deactivated deactivation deaktivier* declined delet*
        desactiv* desativ* desatualiz* disabl* disattiv* disconnected discontinued disruption doldu désactiv*
        eingeschränkt* eingestellt einschränk* elimin* encerrad* encerrar entfernt erased error erschöpft estetty
        exceed* expir* expira expiration expire expired expires expiring expirou expiry expiră failed failure
        fehlgeschlagen fehlgeschlagene fraudulent fraudulent* frauduleux full geblokkeerd* gedeactiveerd* gelöscht
        gelöscht* gescheitert gesperrt* geweigerd giacenza held hold impagad* impay* inactive inaktiv incomplet*
        incomplete incorrect infring* inhabituel* interrompu* interrott* interrupted interruption inusual inusual*
        irregular* kapat* kısıt* lapse lapsed lapses lejár* lezár* limit limitad* limitada limitat* limited limitu
        limité* lock locked locking logged-out lose losing loss lukkes läuft löschung megszűn* mismatch
        missbrauch* nieautoryz* nieopłacon* nieprawidłow* niet-betaald no-autorizad* odrzucon* offen ogranicz*
        on-hold ongebruikelijk* opgeschort* outdated outstanding overdrawn pause paused pendientes perder perderá
        perdita perdre perdu podejrzan* problem quarantine* rechazad* recusad* refus* reject rejected rejet*
        removal removed restreint* restrict* restring* retenid* retourné returned revoked rifiutat* scade scadenz*
        scadut* scoperto signed-out sospechos* sospes* sospeso sospetto sperren sperret sperrung spärra*
        stopgezet* stopped stuck stängs suljetaan supprim* suspect suspend* suspendat suspendu* suspens*
        suspension suspenso suspicious terminat* ukončen* unable unauthori* unbefugt* unbezahlt undeliverable
        undelivered ungewöhnlich* ungültig unpaid unrecogni* unterbrochen unusable unusual usuni* utgår utrat*
        vencid* vencimento verdacht* verdächtig* verfallen verfäll* verlies verloop* verlop* verloren verstreken
        verwijder* violat* vyprš* wstrzym* wygaś* wyłącz* zablok* zablokov* zamkni* zawiesz* zruš* zurück
        zurückgehalten zurückgesendet zárol* échec échou* închi* überschritten αναστολ* блокир* заблок* закры*
        истек* несанкц* огранич* отклон* отключ* подозрит* потер* призупин* приостан* удал* エラー ロック 一時停止
        不審 不正 不正アクセス 停止 停用 关闭 冻结 凍結 利用停止 到期 制限 受限 失効 失效 失败 延滞 异常 暂停 期限
        未払い 未納 満了 無効 禁用 第三者 过期 逾期 锁定 限制 만료 정지
        """,
    _C.DEADLINE: """
        24 24-hours 24h 24hrs 48 48-hours 48h 48hrs 72 acele achtung agora ahora alert amanhã andernfalls antes
        asap astăzi attention aujourd'hui aviso avoid avviso azi azonnal belangrijk binnen bugün dagen deadline
        demain dernier dias dnes dni domani dringend dzisiaj dziś délai días eilig* ending ends enseguida entro
        erinnerung evitar expires final freitag friday frist giorni godzin godziny herinnering heti heures heute
        hodin hoje horas hour hours hoy idag ihned imediat imediat* immediat* immediate immediately immédiat*
        important importante inmediat* innerhalb instantly jetzt jours jutro last-chance lembrete letzte letzter
        limited-time lundi lunedì lunes mahnung maintenant mandatory mañana mezzanotte midnight minuit monday
        montag morgen natychmiast notice now nu obbligatorio obligatoire obligatorio obowiązkow* oggi omedelbart
        omgående onmiddellijk ora ore otherwise overdue pflicht pilne pilnie plazo prazo promemoria promptly
        przypomnienie północy quick quickly rapidly rappel recordatorio reminder required saat sofort soon sous
        spätestens stunde stunden subito swift sürgős tage tagen teraz timmar today tomorrow tonight tänään ultima
        ultimi ultimo umgehend unverzüglich urgent urgente urgentemente urgently uur uwaga vandaag vendredi
        venerdì verplicht viernes warning ważne wichtig éviter órán última último άμεσα важно внимание дней
        немедленно сегодня срочно суток терміново часов 今天 今日 小时 尽快 截止 日内 早急 時間以内 期日 本日 注意
        直ちに 立即 紧急 緊急 至急 速やかに 重要 马上 즉시
        """,
    _C.DOCUMENT: """
        agreement angebot archivio archivo* arquivo* audio ausschreibung* belge berichten bestand* bid bid-package
        closing compartid* compartilhou compartió condivis* contract contrat contrato contratto datei dateien
        delade devis docs document documenti* documento* documents dokument* dokumentet drawings drive encrypted
        faktura fattura fax fichier* file files freigegeben handbook invitation letter mensagem mensagens message
        messages messaggi* oferta offerte offre onedrive orçamento pages partagé partagé* paylaştı pdf plans
        pliego plik portal presupuesto preventivo proposal proposta propuesta quotation remittance report rfp rfq
        scan scanned settlement shared sharepoint specification sprachnachricht* statement tender umowa umowy
        unterlagen vertrag viewer vm voice-mail voicemail wiadomoś* zapytani* документ* сообщени* ファイル 文件
        文档 書類
        """,
    _C.PARCEL: """
        doręcz* doręczyć lieferung liefer*
        balík* bezorg* colet* colis consegna consignment corriere courier csomag* deliver delivery empfänger
        encomenda* entrega entregue envío envíos kargo kurier* leverans lieferung livraison livrer livré lähety*
        pacchi pacco package packages paczk* paket paketet pakets pakke pakket* paquete* parcel parcels przesyłk*
        sendung* shipment sped spedizion* trasporto verteilzentrum zending zustell* zásilk* доставк* посылк*
        お届け 包裹 宅配 快递 荷物 配送
        """,
    _C.FEE: """
        aduana alfândega amende arancel* avgift bearbeitungsgebühr bekeuring boete bußgeld charge contravention
        customs cło dogana dopłat* dopłać douane douanekosten duty díj fee fees fine frais gastos gebühr gebühren
        handling instalment invoerkosten kosten mandat mandatu multa multas opłat* penalty poplatek porto postage
        redeliver* reschedul* sanción sanzione shipping shipping-fee spese strafzettel surcharge surcoût tasa
        tasas taxa taxas taxă toll verbale versandkosten verzendkosten zoll zollgebühr* zollkosten ücret оплат*
        пошлин* сбор 关税 手数料 费用 関税
        """,
    _C.PAY: """
        opłać opłacić pagando pagare
        abbuchung abgebucht abonar abono ach addebito anzahlung balance bank-slip begleich* beglichen betaal*
        betalen betaling* betrag bezahl* bill billing boleto bonifico cargo charge charged cobrança cobrar cobro
        consultant debit deposit dienstleister dostawc* einzahlen encaissement factura* facture* facturen factuur
        faktur* fattura* fatura* fornecedor fornitore fournisseur incasso invoice invoices konto lastschrift
        leverancier lieferant należnoś* overmaken overschrij* paga pagamento* pagar pagare pago pagos pague paid
        paiement* pay payable payer payment payments pix pobran* proveedor przelew* prélevé prélèvement płatnoś*
        receivable receivables rechnung* recibo rekening remit remittance règlement régler saldo settle solde
        supplier transaction transfer transferencia* transferência* vendor virement* wire wired zahlen zahlung*
        zapłat* zapłać überweis* überweisung долг задолженн* оплат* перевод* платеж* платёж* поставщик* списан*
        счет счёт お支払 お支払い 付款 供应商 充值 振込 支付 支払* 支払い 料金 汇入 汇款 決済 缴纳 缴费 請求 货款
        转账
        """,
    _C.CARD: """
        bancaire bancaires bankdaten bankpas bankverbindung betaalkaart betaalpas card cards carta carte
        carte-bancaire cartão credit cvv debit giro iban karta karte karty kontoverbindung kreditkarte mastercard
        number pas paypal paypass pix tarjeta tarjetas visa карт* カード 信用卡 银行卡
        """,
    _C.BANK: """
        account account-number bancaire bancaires bancaria bancarie bancario bancarios bancári* bank bankhaus
        banking bankow* bankrekening* bankverbindung beneficiario beneficiary bic compte conta conto coordinate
        corrente cuenta direct-deposit domiciliation gehalt girokonto iban intestatario konto konto-nr
        kontoinhaber kontonummer kontoverbindung numer nómina odbiorca payroll rachunek rachunku rekeningnummer
        remit-to remittance rib salary sort-code swift swift-code tenaamstelling titulaire titular wire банк*
        получател* реквизит* 口座 口座番号 名義 户 户名 收款 账号 账户 銀行 银行 開户行
        """,
    _C.CHANGED: """
        aangepast ab-sofort actualizad* aggiornat* aktual* aktualisiert* aktuell* alterad* alternative atualizad*
        audit bloqueada cambiado cambiato cambio cerrada change changed changement changé chiusura closed closing
        different encerrad* fermé frozen gewechselt* gewijzigd* geändert* inactive modificat* modification modifié
        mudou neue neuen neues new nieuw nieuwe no-longer nouveau nouvel* nova novo nowe nowego nowy nueva nuevo
        nuevos nuova nuove nuovo replaced revised subsidiary switched umgestellt updated wechsel wijzig*
        zaktualizowan* zamknięt* zmian* zmieni* измен* новые новый новым обновл* 停用 变更 変更 审计 新しい 新的
        新规 更换 更改
        """,
    _C.REFUND: """
        abattement abono accredito agenzia ameli assurance avoir belasting* bescheid bonus-energía compensation
        credited crédito devolución devolver eligible entitled entrate erstatten erstattet erstattung finanzamt
        fiscal guthaben gutschrift hacienda imposto impôt impôts maladie nadpłat* notificación overpaid
        overpayment perçu podatk* rebate rebates reclaim reembolsar reembolso reembolso* refund refunds
        registration reimburse reimbursement relief remboursement* rembourser restituir restituição rimborsare
        rimborso* rückerstattung* rückzahlung scheme steuer steuererstattung surplus tax taxes taxpayer tegoed
        teruggaaf teruggave toll tributaria trop trop-perçu vitale zwrot überzahlung возврат компенсац* налог*
        税务 税金 給付 补贴 返金 退款 退税 還付
        """,
    _C.SECRECY: """
        flight plane travelling unterwegs vuelo avion vol volo
        acquisition acquisizione adquisición anyone appel appels aquisição aufgabe augenblick bel bellen besprech*
        besprechung between-us bezet busy cannot-talk chiamate chwil* conference conferencia conferentie
        conferenza conferência confidencial* confidential confidentiel* confidenzial* conférence discreción
        discreet discreetly discretion discrétion diskret* druk dyskre* favor favour geheim konferencj* konferenz
        llamadas meeting meetings merger moment momento nadie nda nessuno niemand niemandem niespodzianka nikomu
        ninguém nobody occupat* occupé ocupad* overname personne phone-calls poufn* private przejęci* reunião
        reunión riservat* riunione rozmawiać réunion secret secreto sigilo sitzung sorpresa spotkani*
        stillschweigen strictly surpresa surprise takeover task telefonieren telefonisch termin tied-up
        unavailable unreachable urgent-task vergadering verschwiegen* vertraulich* vertrouwelijk* zajęt* übernahme
        überraschung занят конфиденц* переговор* сделк* совещани* 会議 会議中 会议 保密 开会 收购 機密
        """,
    _C.GIFT_CARDS: """
        apple-card apple-cards bons-cadeaux cadeaubon* cadeaukaart* carta-regalo carte-cadeau carte-regalo
        cartes-cadeau cartão-presente cartões-presente dárkov* geschenkgutschein* geschenkkarte* gift-card
        gift-cards giftcard* giftkort google-play gutscheincode* gutscheinkarte* itunes karta-podarunkow*
        karty-podarunkow* presentkort razer steam tarjeta-de-regalo tarjetas-de-regalo tarjetas-regalo
        vale-presente ギフトカード 礼品卡
        """,
    _C.BUY: """
        abfotograf* achet* acquist* amazon-karte besorg* bonnen buoni buy cards carte cartes codes codici compra
        comprar compre códigos erstatte foto fotos gutscheine karten karty kaufen kodów koop kopen kup kupić photo
        pick pictures purchase purchased reembols* reimburse rubbel* rückerstatt* scratch tarjetas voucher
        vouchers zdjęcia
        """,
    _C.CANCEL: """
        annul* annuler annuleren annullare anular anulow* aufheben authorise authorised authorize authorized
        autorisé cancel cancelar cancellation cancelled chargeback decline disdire dispute erkannt erkennen
        herken* kündig* opzeg* recognise recognize reconhece reconnaissez reconoce reconocido reembolso refund
        refunded rembours* reversal reverse riconosce riconosciuto rozpozna* rückerstatt* stop stornier* terminate
        unauthorised unauthorized unknown unrecognized widerruf* zrezygn* отмен* キャンセル 取消
        """,
    _C.PLAN: """
        aankoop abbonamento abgebucht abo abonnement achat acquisto afgeschreven antivirus assinatura auto-renew*
        avast bestelling bestellung bitdefender cargado charged charged-to commande compra debited defender deluxe
        geek-squad guard invoice kaspersky kauf licence licencia licencj* license licentie licenza licença
        lifelock lizenz mcafee membership norton odnowion* order ordine package pedido plan protection prélevé
        purchase purchased renewal renewed renouvelé renovad* rinnovat* security service subscription
        subscriptions subskrypcj* suscripción transaction verlengd verlängert windows zakup zamówieni* заказ
        лиценз* подписк* покупк* サブスク* 订阅
        """,
    _C.CALL: """
        agents anruf anrufen appeler appelez bel bellen call chiamare chiami contact dial helpdesk helpline
        hotline ligue line llamar llame numer numero nummer numéro número phone phone-number representative rufen
        team telefon telefone telefono telefoon telephone teléfono toll-free téléphone zadzwoń номер позвон*
        телефон* 客服 拨打 热线 电话 電話
        """,
    _C.SHAME: """
        adult aufgenommen aufnahmen beobachtet browser browserverlauf camera caméra comprometedor* cámara câmera
        desnud* devices dispositivos enregistr* erotic espion espía filmé footage gefilmt gehackt geräte grabado
        grabé gravei gravou hacked history infected infettato intim* intimate intimes intimi intymn* kamer* kamera
        malicious malware masturb* masturbat* masturbating mirabas naakt* nackt* nagra* nu nuas nudo nue opgenomen
        pervers* piraté pixel pleasur* pleasuring porn* pornografic* pornograph* pornoseiten private recorded
        recording registrato screen screens sexual spiato spied spyware strony trojan video videocamera videos
        virus vídeo webcam xxx zhakow* íntim* íntimas überwacht взлом* видео вирус записал* интимн* камер* порн*
        アダルト カメラ ハッキング 录像 摄像头 色情 裸体 视频 録画 録音 隐私 黑客
        """,
    _C.THREAT: """
        aangifte amici amigos anzeige arrest attack attacked colleagues contacten contactos contacts contatos
        contatti convocation copyright court criminal ddos demanda denuncia diffond* diffus* enquête ermittlung*
        europol everybody evidence expose familiares familie family freunde friends gendarmerie gericht indagine
        infringement inkasso interpol intimação investigación investigation investigator judiciaire judicial
        juzgado klage kollegen kontakt* kontakte lawsuit leak legal-action mandat pfändung plainte police policj*
        policía politie polizei polizia polícia poursuites procedimento processo proches procureur prokurat*
        prosecution publi* publish pédoporn* ransom rechtbank strafverfahren sue sąd tribunal tribunale
        veröffentlich* vollstreckung warrant znajomi* контакт* обвинен* опублик* полици* следств* суд 公开 公開
        法院 联系人 裁判 訴訟 警察 起诉 逮捕
        """,
    _C.COINS: """
        airdrop binance bitcoin bitcoins blockchain btc btc's coinbase criptomoedas criptomoneda* criptovalut*
        crypto cryptocurrenc* cryptomonnaie* eth ethereum kripto kryptowalut* kryptowährung* ledger litecoin
        metamask monero nft staking token tokens trezor usdt wallet wallets биткоин* криптовалют* ビットコイン
        仮想通貨 比特币 虚拟货币
        """,
    _C.FORTUNE: """
        abogado advogado adwokat anwalt army atm attorney avocat avvocato bank-vault barrister begünstigt*
        beneficiaries beneficiary bequest boxes bóg cancer charity childless choroba compensation consignment
        darowizn* deceased defunto deposit deus dieu difunto dio dios diplomat doação don donación donar donate
        donating donation donazione dons draw drawn dust dying défunt ehemann enfermedad entrust erbe erbschaft
        eredità erfenis esposo estate executor falecido fallecido fondation fondo fonds foundation fund fundo
        funds fundusz god gold gott grant grants herança herdeiro heredero herencia hopeless husband héritage
        illness inherit* kin krankheit late loteri* loteria loterie loterij lotería lotteria lotterie lottery
        légataire maladie malattia marido mąż nachlass next-of-kin notaire notar notario notaris officer
        organisation partner recovered recovery refugee schenking soldier solicitor spadek spadk* spende spenden
        stiftung terminal testament testamento trunk trust unclaimed vedova vermögen verstorben* veuf veuve viuda
        viúva wdowa wealth widow winning witwe wohltätig* адвокат завещан* лотере* наследств* пожертвов* фонд
        受益人 基金 基金会 宝くじ 寄付 弁護士 彩票 律师 捐赠 相続 財団 遗产 遗嘱 遺産
        """,
    _C.MILLIONS: """
        $10.5m 000,000 000.000 500.000 dollars fortune milhões milioni miliony miljoen million million's millionen
        millions millones usd миллион* 万美元 億 百万
        """,
    _C.CONTACT: """
        address adres age anschrift antwoord* antworten beruf cognome contactar contacteer contactez contacto
        contatar contattare coordonnées dados dane data date-of-birth daten dati datos details dirección edad
        endereço full-name gegevens id imię indirizzo informations kontakt kontaktieren melden name namen names
        nationality nom nombre nome occupation odpowiedz passport phone profession prénom reply reply-to respond
        responda respuesta risponda rispondere répondez répondre rückmeldung skontaktuj telephone адрес данные имя
        ответ* связ* 住所 回复 地址 姓名 氏名 联系 资料 返信 連絡
        """,
    _C.PRIZE: """
        ponto punkte
        afortunad* ausgewählt belohnung beloning bon bonus bravo brinde buono cadeau chosen complimenti concorso
        congratulations congratulazioni câștigat darmow* enhorabuena entitled estratto exclusive felicidades
        fidélité félicitations gagnant* gagné ganado ganador ganhou gefeliciteerd geschenk gewinn gewinner
        gewonnen gift giveaway glücklicher glückwunsch gratis gratuit gratuito gratulacj* grátis gutschein
        herzlichen karta-podarunkowa karta-upominkowa kazandınız kostenlos losowani* lot loterij loyalty lucky
        mystery nagrod* nyeremény* nyert* obsequio offert omaggio pallet parabéns participants points premio
        prezent prijs prize prämie prêmio recompensa regalo reward rewards récompense seleccionad* selecionad*
        selected selezionat* sort sorteio sorteo sweepstakes sélectionné* tarjeta-regalo tirage treue upominek
        vann vencedor vincitore vinnare vinto voucher vyhrál* werkzeugset win winactie winnaar winner won wygrał*
        zwycięzc* бесплатно выигр* победител* подар* поздравля* приз розыгр* おめでとう プレゼント ポイント 中奖
        奖励 奖品 当たり 当選 恭喜 抽奖 抽選 獲得 红包 获奖
        """,
    _C.SURVEY: """
        abholen ankiet* avis canjear claim claims collect confirm deelnemen domande einlösen encuesta enquête
        experience feedback fragen meinung mening odbierz opinia opinion opinione opinião opinión partecipa
        participa participe participez pending perguntas pesquisa postage preguntas pytania questionnaire
        questions reclam* redeem resgat* riscatt* récupér* réponde* shipping shipping-only sichern sondage
        sondaggio survey teilnahme teilnehmen treueumfrage udział umfrage unclaimed visit vragen забрать опрос*
        получ* アンケート 受け取* 问卷 领取
        """,
    _C.EARN: """
        trades members seats bot wins week
        ai-trading argent automated beurs bolsa bourse broker câștig* daily deposit deposita diario dinero
        dinheiro dividends earn earning earnings einkommen finanzielle forex freedom gagner gains gana ganancias
        ganar ganhar geld geldanlage gewinne giełd* guadagn* handelsplattform income ingresos insider inversión
        invertir invest investeren investieren investimento investir investire investment inwest* kazan* lucro
        lucros millionaire monatlich monthly pasiv* passive piattaforma pieniądze plataforma plateforme platform
        platforma profit profits profitti quotidien reich renda rendimento rendita rendite rentabilidad returns
        revenus ricco rich riche rico rijk robot roi signals soldi stocks tjäna trader trading täglich verdien
        verdienen verdienst vydělá* wealth winst withdraw withdrawal wpłać zarab* zysk* акци* биржа деньги доход*
        заработ* инвест* платформ* прибыл* 儲かる 利益 副業 収入 投資 投资 收入 收益 日赚 月入 稼ぐ 稼げる 赚钱
        配当
        """,
    _C.JOB: """
        agent assistant aushilfe bewerb* buscamos candidate candidato casa domicile domu doświadczeni* elastyczn*
        empleo emploi employment emprego ervaring esperienza experience experiencia experiência expérience
        flexible ganhos guadagno heimarbeit hiring home homeoffice horario horário hourly lavora lavoro minijob
        nebenjob nebenverdienst opportunity orario part-time position poste praca pracy produkttester recruiter
        recruitment recrut* recrutement recrutons remote representative resume ricerchiamo rémunération salaire
        salary sin-experiencia stelle stellenangebot stunde suchen tareas teilzeit testen tester thuiswerk trabaja
        trabajar trabajo training télétravail vacancies vacancy vacante vacature vacatures vaga verdienst
        vorkenntnisse weekly werk zatrudni* zeiten вакан* график зарплата опыт работ* удаленн* удалённ* 兼职 在宅
        在家 招聘 无经验 日结 時給 未経験 求人
        """,
    _C.MESSENGER: """
        qq skype telegram viber wechat whatsapp zalo ватсап телеграм 加微信 微信
        """,
    _C.LOAN: """
        approved bonität borrow collateral credit crédit crédito darlehen darlehn empréstimo* finance financement
        financiación financiamento financiamiento financiering financing finansowani* finanziamento finanzierung
        funding guarantor hypotheek interest interés juros kredit kredite kredyt* laufzeit lender lening leningen
        loan loans mensualités oprocentow* parcelas plazo pożyczk* prestiti prestito préstamo préstamos prêt prêts
        rat rate raten raty remboursement rente repayment schufa sofortkredit tasso taux zinssatz займ* заём
        кредит* ローン 利率 審査 担保 放款 无抵押 融資 贷款 金利 额度
        """,
    _C.DATING: """
        alone kind-man serious-relationship
        acquaint* affäre cachond* citas coquin* coquines célibataire* date dates dating diskret eenzaam* einsam*
        encontros flirt geile guapo handsome heiße hookup horny incontri ligar lonely namiętn* namoro naughty nude
        nudes piccant* randk* rencontre* safad* samotn* seitensprung sextreffen sexy single singles sola solteir*
        solteras soulmate süßer webcam-chat интим* одинок* секс* 交友 出会い 单身 恋人 独身 約会 约会 美女
        """,
    _C.ROMANCE: """
        bilder ce-soir chica chicas cidade ciudad compromiso donna donne dziewczyn* femme femmes foto foto's fotos
        frau frauen girl girlfriend girls heute hombre hombres homem homens homme hommes kobiet* love man mann
        mannen meet moça moças mujer mujeres mulher mulheres männer mężczyzn* near noche nähe perfil photos
        pictures private profiel profil profile profilo ragazza ragazze relación relation relationship relazione
        relação spotkan* stasera tonight treffen uomini uomo vanavond ville vrouw vrouwen woman women zdjęci*
        анкет* встреч* девушк* женщин* знаком* мужчин* фото プロフィール 写真 女 照片
        """,
    _C.PILLS: """
        gummies joint joints bottle speechless
        abnehmen adelgaz* afslank* afvallen apotheke apotheken apteka arthritis banned belly burn burns capsule
        capsules cbd cialis clinically cure cápsulas detox diabetes dieet dieta dimagri* diät doctor doctors dolor
        douleur ed emagrec* emagrecer energy-saver enlargement erección erectile erection erekcj* erezione
        farmaci* farmacia fat formula generic gewicht gummies gélules hair-loss hausmittel hearing ingredient
        kapseln kapsułki keto kilo kilos lbs levitra libido maigrir manneskraft medication melts metabolism
        natural nerve nerven neuropathy odchudz* ordonnance ozempic pain pastillas perte peso pharma pharmacie
        pharmacy pills poids potenz potenz* potenzmittel pounds prescription prostate recepty receta remedies
        remedy rezept rezeptfrei* ricetta ritual régime schmerzen schudn* semaglutide slim slimming stunned sugar
        supplement testosterone tinnitus trick v1agra viagra waga weight weight-loss weird érection аптек* вес
        диет* капсул* потенц* похуде* таблет* ダイエット 减肥 壮阳 性功能 精力 药 薬
        """,
    _C.GAMBLING: """
        aposta apostas apuesta apuestas auszahlung automaty betting bono bonus bonus-benvenuto bonus-powitalny
        bonussen bônus cagnotte casino casinos deposit-bonus einzahlung free-spins freebet freebets freispiele
        gamble gewinne giri giros gokkast gokkasten gokken gratuits inzet jackpot kasyno lotto machines mise paris
        poker rodadas roulette scommesse slot slots spielautomaten spins tirage tours tragamonedas tragaperras
        wager wager-free welcome-bonus wetten willkommensbonus zakłady бонус* джекпот* казино слот* ставк*
        фриспин* カジノ スロット ボーナス 博彩 彩票 彩金 棋牌 老虎机 賭け 赌场
        """,
    _C.COPIES: """
        1:1 aaa+ bolsas bolsos borse brand-name breitling cartier chanel clones designer gucci handbag handbags
        horloges hublot imitación imitation knockoff luxury montres omega orologi orologio prada quality relojes
        relógio relógios replica replicas repliche replik repliken rolex réplica réplicas répliques sacs taschen
        tassen torebki uhren vuitton watch watches wholesale zegarek zegarki реплик* сумки часы コピー品
        スーパーコピー バッグ ブランド 包包 名表 奢侈品 手表 時計 高仿
        """,
    _C.SEO: """
        SEO対策 adressen affordable agence agencia agencj* agency agenzia agência app article attendees audit b2b
        backlink backlinks bureau campaign contacts counts da database decision-makers design designer developer
        developers development digital do-follow dofollow domain-authority dr email-list exhibitors google guest
        guest-post homepage keywords leadgenerierung leads link-building list lists mailing-list marketing mobile
        opt-in optimierung outsource outsourcing packages page portfolio posicionamiento posicionar posizionamento
        pozycjon* pozycjonowanie programmers prospects quote rank ranked ranking redesign referencement
        référencement seo serp shopify sichtbarkeit site site-web sitio sito sponsored strony suchmaschine
        suchmaschinen* suchmaschinenoptimierung traffic uiux verified visibilidad visibilidade visibility
        visibilità visibilité web webdesign webseite website werbeagentur widocznoś* wordpress zichtbaarheid
        агентств* продвижени* сайт* 代开 优化 发票 增值税 开发票 排名 推广 网站 集客
        """,
    _C.SALE: """
        aanbieding adidas ausverkauf bargain clearance closing desconto descuento destockage discount discounts
        déstockage geschäftsaufgabe korting lagerbestände lagerräumung liquidación liquidation liquidação
        markenjacken nike oferta off offerta outlet outlet-store promo promocja promotion promoção rabat rabatt
        ray-ban rebaja rebajas remise räumungsverkauf saldi sale schnäppchen sconti soldes sonderverkauf svendita
        ugg uitverkoop warehouse wyprzedaż распродаж* скидк* セール 促销 割引 折扣 清仓 激安
        """,
    _C.STAFF: """
        aging allocation appraisal augmentation aumento benefits bonus bonuszahlung busta compensation congés
        empleados employee employees ferie férias gehalt gehaltsabrechnung gehaltserhöhung gehaltsliste handbook
        holiday hr hr-department human increment leave lohn mitarbeiter nómina paie payroll payslip personal
        personalliste podwyżk* policy premia premio prime prämie records remuneration resources roster salaire
        salaris salarisverhoging salariés salary salário staff stipendio urlaub urlop* vacaciones vacation
        vakantie w-2 w2 w2s wage wages workforce wynagrodzeni* зарплат* отпуск премия 工资 給与 薪资 补贴
        """,
    _C.INFECTED: """
        antivirus beschermd beveilig* cleanup computer defender desprotegid* device firewall gefährd* geschützt
        hackers infectado infected infecté infetto infiziert malicious malware pc protected protection protegido
        protetto protégé scan schadsoftware spyware threats trojan ungeschützt unprotected virus viruses vpn wirus
        zagrożen* вирус* защит* ウイルス セキュリティ 中毒 感染 病毒
        """,
    _C.CHARITY: """
        bless cancer children darowizn* doações donación donate donatie donation donations donazioni dons
        earthquake flüchtlinge food gaza help hospital humanitarian huérfanos kinderhilfe krebs medicine ofiar*
        opfer orphans orphelins refugees relief slachtoffers spenden support ukraine victimes victims vittime
        víctimas vítimas waisen waisenkind war пожертв* помощь
        """,
    _C.VIEW: """
        abrir access acessar anhören ansehen apri aprire aç baixar bekijk* consultar consulter descargar deschide
        download downloaden escuchar herunterladen listen megnyit* open openen otevřít otwórz ouvrir play pobierz
        preview read retrieve review scaric* see télécharger vedere ver view voir zobacz écouter öffnen öppna
        открыть посмотреть скачать こちら ダウンロード 下载 打开 查看 点击 表示 開く 閲覧
        """,
    _C.TITLE: """
        amministratore amministrazione bestuurder board ceo cfo chairman chef directeur director director-general
        direktor diretor dirigeant dyrektor eigenaar executive gerente geschäftsführ* geschäftsführung gérant
        head-of inhaber managing-director owner partner patron president presidente prezes principal propietario
        président sócio titolare vorstand właściciel директор руководител* 代表取締役 总经理 社長 董事长
        """,
}  # fmt: skip
